#include "protocol/exit_code.h"

namespace shoal::protocol {
namespace {

constexpr ExitCodeInfo kExitCodes[] = {
    {kExitOk, "Everything that was asked for was done."},
    {kExitFailure, "The operation failed; standard error says why."},
    {kExitUsage, "The arguments or a configuration file are wrong."},
    {kExitUnreachable, "The coordinator could not be reached."},
    {kExitRefused,
     "The coordinator refused the call, for want of a certificate or of "
     "permission."},
};

}  // namespace

absl::Span<const ExitCodeInfo> AllExitCodes() { return kExitCodes; }

}  // namespace shoal::protocol
