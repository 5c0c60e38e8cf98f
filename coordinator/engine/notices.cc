#include "coordinator/engine/notices.h"

#include <algorithm>
#include <utility>

namespace shoal::coordinator {

void RefusalCounts::Add(int64_t round_id, protocol::RefusalCode code,
                        std::string sentence) {
  if (round_id > rounds_[0].round_id) {
    rounds_[1] = std::exchange(rounds_[0], {round_id, {}});
  }
  for (OfRound& round : rounds_) {
    if (round.round_id != round_id) continue;
    RefusedCheckIns& entry = round.by_code[code];
    entry.code = code;
    ++entry.count;
    entry.newest = std::move(sentence);
    return;
  }
}

std::vector<RefusedCheckIns> RefusalCounts::Of(int64_t round_id) const {
  std::vector<RefusedCheckIns> refused;
  for (const OfRound& round : rounds_) {
    if (round.round_id != round_id) continue;
    for (const auto& [code, entry] : round.by_code) refused.push_back(entry);
  }
  std::stable_sort(refused.begin(), refused.end(),
                   [](const RefusedCheckIns& a, const RefusedCheckIns& b) {
                     return a.count > b.count;
                   });
  return refused;
}

}  // namespace shoal::coordinator
