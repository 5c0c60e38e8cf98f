#include "coordinator/engine/token_keys.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status_macros.h"

namespace shoal::coordinator {
namespace {

constexpr size_t kKeyBytes = 32;

absl::Status AddKey(EngineCore& core, int64_t id, absl::Time now) {
  TokenKeyRow row;
  row.id = id;
  row.key = Secret(core.deps.rng.Bytes(kKeyBytes));
  row.created = now;
  const absl::Status status = core.Noted(core.deps.store.AddTokenKey(row));
  // Another replica was faster: its key is as good.
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

// How long a key stays after its successor was made.
absl::Duration GracePeriod(EngineCore& core) {
  absl::Duration grace = core.options.token_key_lifetime;
  MutexLock lock(core.mutex);
  for (const auto& [name, task] : core.tasks) {
    grace = std::max(grace, task->setup->task.round.deadline);
  }
  return grace;
}

}  // namespace

absl::StatusOr<absl::Time> RenewTokenKeys(EngineCore& core, absl::Time now) {
  RoundStore& store = core.deps.store;
  const absl::Duration lifetime = core.options.token_key_lifetime;
  SHOAL_ASSIGN_OR_RETURN(std::vector<TokenKeyRow> rows, store.ListTokenKeys());
  if (rows.empty() || now - rows.back().created >= lifetime) {
    SHOAL_RETURN_IF_ERROR(
        AddKey(core, rows.empty() ? 1 : rows.back().id + 1, now));
    SHOAL_ASSIGN_OR_RETURN(rows, store.ListTokenKeys());
  }
  const absl::Duration grace = GracePeriod(core);
  absl::Time next = rows.back().created + lifetime;
  size_t keep = 0;  // the first key that stays
  while (keep + 1 < rows.size() && now - rows[keep + 1].created >= grace) {
    ++keep;
  }
  if (keep > 0) {
    SHOAL_RETURN_IF_ERROR(
        core.Noted(store.DeleteTokenKeysBefore(rows[keep].id)));
  }
  if (keep + 1 < rows.size()) {
    next = std::min(next, rows[keep + 1].created + grace);
  }
  std::vector<protocol::TokenKey> keys;
  for (size_t i = keep; i < rows.size(); ++i) {
    keys.push_back({rows[i].id, std::move(rows[i].key)});
  }
  auto signer = std::make_shared<protocol::TokenSigner>(keys);
  MutexLock lock(core.mutex);
  core.signer = std::move(signer);
  return next;
}

}  // namespace shoal::coordinator
