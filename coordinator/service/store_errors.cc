#include "coordinator/service/store_errors.h"

#include "protocol/refusal.h"

namespace shoal::coordinator {

absl::Status StoreError(const absl::Status& status) {
  const bool unavailable =
      absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
  if (!unavailable || protocol::RefusalOf(status).has_value()) return status;
  return protocol::RefusalError(protocol::RefusalCode::kStoreUnavailable,
                                status.message());
}

}  // namespace shoal::coordinator
