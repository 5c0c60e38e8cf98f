// Percent-encoding, as in URLs and in gRPC's error messages.
#ifndef SHOAL_CLIENT_TRANSPORT_PERCENT_ENCODING_H_
#define SHOAL_CLIENT_TRANSPORT_PERCENT_ENCODING_H_

#include <string>

#include "absl/strings/string_view.h"

namespace shoal::client {

// "%41" becomes "A". What is no encoding ("%", "%4", "%zz") stays as it is:
// the gRPC specification asks for that, so that a message is never lost.
std::string PercentDecode(absl::string_view text);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_PERCENT_ENCODING_H_
