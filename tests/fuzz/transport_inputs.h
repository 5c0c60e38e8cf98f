// Valid inputs of the targets of transport_targets.cc.
#ifndef SHOAL_TESTS_FUZZ_TRANSPORT_INPUTS_H_
#define SHOAL_TESTS_FUZZ_TRANSPORT_INPUTS_H_

#include <string>
#include <vector>

#include "protocol/schema/message.h"

namespace shoal::testing {

std::vector<std::string> ValidHttp2Answers();
std::vector<std::string> ValidGrpcMessages();
// `messages`: what a coordinator answers with.
std::vector<std::string> ValidSchemaMessages(
    const std::vector<protocol::schema::Message>& messages);

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_FUZZ_TRANSPORT_INPUTS_H_
