// Links the installed SDK and gets the error that an empty set-up deserves.
#include <iostream>

#include "shoal/client.h"

int main() {
  const auto client = shoal::Client::Create({}, {});
  std::cout << client.status() << "\n";
  return client.status().code() == absl::StatusCode::kInvalidArgument ? 0 : 1;
}
