#include "coordinator/engine/rows.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "coordinator/engine/round_store.h"

namespace shoal::coordinator {

absl::string_view ToString(TaskState state) {
  switch (state) {
    case TaskState::kActive:
      return "active";
    case TaskState::kPaused:
      return "paused";
    case TaskState::kStopped:
      return "stopped";
    case TaskState::kCompleted:
      return "completed";
  }
  return "unknown";
}

absl::string_view ToString(RoundState state) {
  switch (state) {
    case RoundState::kOpen:
      return "open";
    case RoundState::kCollecting:
      return "collecting";
    case RoundState::kSealed:
      return "sealed";
    case RoundState::kRevealed:
      return "revealed";
    case RoundState::kCommitted:
      return "committed";
    case RoundState::kFailed:
      return "failed";
  }
  return "unknown";
}

bool IsFinal(TaskState state) {
  return state == TaskState::kStopped || state == TaskState::kCompleted;
}

bool IsFinal(RoundState state) {
  return state == RoundState::kCommitted || state == RoundState::kFailed;
}

Digest ContributorsDigest(absl::Span<const ContributionRow> contributions) {
  std::vector<const ContributionRow*> sorted;
  for (const ContributionRow& row : contributions) sorted.push_back(&row);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
    return std::tie(a->device_id, a->earlier_round) <
           std::tie(b->device_id, b->earlier_round);
  });
  std::string text;
  AppendU64(text, sorted.size());
  for (const ContributionRow* row : sorted) {
    AppendSized(text, row->device_id);
    text.append(row->update_digest.AsBytes().data(), Digest::kSize);
  }
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i]->earlier_round == 0) continue;
    AppendU64(text, i);
    AppendU64(text, static_cast<uint64_t>(sorted[i]->earlier_round));
  }
  return Sha256(text);
}

Digest ForgottenFingerprint(absl::string_view device_id) {
  // Told apart from the digests that anything else makes of an id.
  return Sha256(absl::StrCat("shoal: forgotten device\n", device_id));
}

}  // namespace shoal::coordinator
