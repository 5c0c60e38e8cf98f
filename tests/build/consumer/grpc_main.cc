// As main.cc, over grpc++: gets the error that an empty set-up deserves.
#include <iostream>

#include "shoal/grpc_client.h"

int main() {
  const auto client = shoal::CreateGrpcClient({}, {});
  std::cout << client.status() << "\n";
  return client.status().code() == absl::StatusCode::kInvalidArgument ? 0 : 1;
}
