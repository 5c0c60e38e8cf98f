// One WatchRounds call: sends what the feed tells.
#ifndef SHOAL_COORDINATOR_SERVICE_WATCH_REACTOR_H_
#define SHOAL_COORDINATOR_SERVICE_WATCH_REACTOR_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <string>

#include "coordinator/service/round_feed.h"
#include "shoal/v1/admin.pb.h"

namespace shoal::coordinator {

// The reactor owns itself. Arguments as RoundFeed::Watch has them.
grpc::ServerWriteReactor<v1::RoundReport>* StartWatch(RoundFeed& feed,
                                                      const std::string& task,
                                                      int64_t since_round);

// A call that ends with an error at once.
grpc::ServerWriteReactor<v1::RoundReport>* RefuseWatch(
    const absl::Status& status);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_WATCH_REACTOR_H_
