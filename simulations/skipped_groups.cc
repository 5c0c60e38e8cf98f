#include "simulations/skipped_groups.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "simulations/skipped_group.h"
#include "simulations/skipped_messages.h"

namespace shoal::simulations {
namespace {

using secure_aggregation::GraphParameters;
using secure_aggregation::Group;
using secure_aggregation::GroupMaker;
using secure_aggregation::Joining;
using secure_aggregation::MemberVerifier;
using secure_aggregation::NeighborGraph;
using secure_aggregation::SessionPlan;

std::string CreatedRow(const NeighborGraph& graph, const Digest& nonce,
                       const std::vector<Joining>& members) {
  std::string row;
  AppendU32(row, SkippedGroup::kCreated);
  absl::StrAppend(&row, nonce.AsBytes());
  AppendSized(row, graph.Serialize());
  for (const Joining& member : members) {
    AppendSized(row, member.device_id);
    AppendSized(row, member.advertise);
  }
  return row;
}

absl::Status CheckDistinct(const std::vector<Joining>& members) {
  std::set<absl::string_view> names;
  for (const Joining& member : members) {
    if (!names.insert(member.device_id).second ||
        !names.insert(member.advertise).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("device ", member.device_id,
                       " has the id or a key of another of its group"));
    }
  }
  return absl::OkStatus();
}

class Maker final : public GroupMaker {
 public:
  absl::StatusOr<Keys> ReadKeys(absl::string_view advertise) const override {
    return Keys{std::string(advertise), {}};
  }

  absl::Status Check(const SessionPlan&, const Joining& joining,
                     const MemberVerifier*) const override {
    SHOAL_ASSIGN_OR_RETURN(const SkippedMessage message,
                           ParseSkipped(joining.advertise));
    if (message.kind != SkippedKind::kAdvertise) {
      return absl::InvalidArgumentError(
          "expected the keys with which a device joins a group");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<Group>> Create(
      const SessionPlan& plan, const std::vector<Joining>& members,
      const MemberVerifier*, SecureRng& rng) const override {
    SHOAL_RETURN_IF_ERROR(secure_aggregation::CheckPlan(plan));
    const int size = static_cast<int>(members.size());
    SHOAL_ASSIGN_OR_RETURN(const GraphParameters parameters,
                           secure_aggregation::GroupParameters(plan, size));
    SHOAL_RETURN_IF_ERROR(CheckDistinct(members));
    NeighborGraph graph = NeighborGraph::Random(size, parameters, rng);
    const Digest nonce = *Digest::FromBytes(rng.Bytes(Digest::kSize));
    std::string row = CreatedRow(graph, nonce, members);
    auto group = std::make_unique<SkippedGroup>(plan, members, std::move(graph),
                                                nonce, parameters);
    group->AddRow(std::move(row));
    return group;
  }

  absl::StatusOr<std::unique_ptr<Group>> Restore(
      const SessionPlan& plan, absl::Span<const std::string> rows,
      const MemberVerifier*) const override {
    if (rows.empty()) return NoSkippedGroup("there are none");
    ByteReader reader(rows[0]);
    const uint32_t kind = reader.U32();
    const auto nonce = Digest::FromBytes(reader.Bytes(Digest::kSize));
    auto graph = NeighborGraph::Parse(reader.Sized());
    std::vector<Joining> members;
    while (reader.ok() && !reader.rest().empty()) {
      Joining& member = members.emplace_back();
      member.device_id = std::string(reader.Sized());
      member.advertise = std::string(reader.Sized());
    }
    const auto parameters = secure_aggregation::GroupParameters(
        plan, static_cast<int>(members.size()));
    if (!reader.ok() || kind != SkippedGroup::kCreated || !nonce.ok() ||
        !graph.ok() || !parameters.ok() ||
        graph->num_members() != std::ssize(members) ||
        graph->num_neighbors() != parameters->num_neighbors) {
      return NoSkippedGroup("the first does not make a group");
    }
    auto group = std::make_unique<SkippedGroup>(
        plan, std::move(members), *std::move(graph), *nonce, *parameters);
    for (const std::string& row : rows.subspan(1)) {
      SHOAL_RETURN_IF_ERROR(group->ApplyRow(row));
    }
    return group;
  }
};

}  // namespace

GroupMaker& SkippedGroups() {
  static Maker maker;
  return maker;
}

}  // namespace shoal::simulations
