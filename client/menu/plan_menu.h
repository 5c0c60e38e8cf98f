// The ways in which a device may run a round's plan: as it was sent, and with
// less work where its budgets or its memory do not allow that. The governor
// (client/limits/governor.h) chooses among them by what they cost.
//
//   std::vector<MenuEntry> menu = MakeMenu(request, models);
//   choice = governor.ChoosePlan(offer, CostsOf(menu), done);
//   … train with menu[choice.index].training …
//
// Less work is fewer epochs, fewer of the last layers, a narrower sub-model, or
// smaller mini-batches: these cost the same together, but a device may afford
// one of them that cannot afford a large one.
#ifndef SHOAL_CLIENT_MENU_PLAN_MENU_H_
#define SHOAL_CLIENT_MENU_PLAN_MENU_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "client/limits/plan_cost.h"
#include "learning/local_update.h"
#include "learning/model.h"
#include "protocol/messages.h"

namespace shoal::client {

// The plan's model or one of its sub-models. `model` must outlive the menu's
// making.
struct MenuModel {
  const learning::Model* model = nullptr;
  double width = 1;  // (0, 1]
  // Of the block that training runs in; absent: not limited.
  std::optional<int64_t> block_bytes;
};

struct MenuRequest {
  const protocol::Plan* plan = nullptr;  // must outlive the menu's making
  int64_t num_examples = 0;              // >= 1
  int64_t fetched_bytes = 0;  // of the model, as far as it is not held yet
};

struct MenuEntry {
  size_t model = 0;  // into the models
  learning::TrainingOptions training;
  int64_t block_bytes = 0;  // that training takes
  // Absent: somebody else plans the memory.
  std::optional<learning::LocalPlan> memory;
  PlanCost cost;
  // What it is less than the plan, and what its memory plan gives up: "1 of 3
  // epochs, to fit into memory takes a batch of 20 in parts of 5"; empty: it is
  // the plan, as fast as it can be.
  std::string less;
};

// Every way that fits into memory and the plan's limit of bytes, the plan
// itself first; empty when none does.
//
// An entry is worth the square root of the share that it has of the plan's
// epochs times its trained values: the first half of the work teaches more than
// the second. Each halving of the mini-batch takes off a fiftieth, so that the
// plan's own size is kept where it can be afforded. These are preferences and
// no more: nothing that is guaranteed rests on them.
// REQUIRES: the first model is the whole one, of which the plan's
// sub_model_layers can be made.
std::vector<MenuEntry> MakeMenu(const MenuRequest& request,
                                absl::Span<const MenuModel> models);

// [menu.size()].
std::vector<PlanCost> CostsOf(absl::Span<const MenuEntry> menu);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_MENU_PLAN_MENU_H_
