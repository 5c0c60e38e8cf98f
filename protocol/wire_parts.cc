// Times, and the smaller parts that plans and task files share.
#include <algorithm>
#include <type_traits>

#include "base/check.h"
#include "base/status_macros.h"
#include "protocol/wire.h"

namespace shoal::protocol {
namespace {

// Of google.protobuf.Duration.
constexpr absl::Duration kLongestDuration = absl::Seconds(315'576'000'000);

}  // namespace

google::protobuf::Duration ToProto(absl::Duration duration) {
  absl::Duration rest =
      std::clamp(duration, -kLongestDuration, kLongestDuration);
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return proto;
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  const int64_t seconds = absl::ToUnixSeconds(time);
  proto.set_seconds(seconds);
  if (time != absl::InfiniteFuture() && time != absl::InfinitePast()) {
    proto.set_nanos(static_cast<int32_t>(
        absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  }
  return proto;
}

absl::Duration FromProto(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

absl::Time FromProto(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) +
         absl::Nanoseconds(proto.nanos());
}

v1::Algorithm ToProto(const learning::LocalAlgorithm& algorithm) {
  v1::Algorithm proto;
  std::visit(
      [&proto](const auto& local) {
        using Local = std::decay_t<decltype(local)>;
        if constexpr (std::is_same_v<Local, learning::FedAvgLocal>) {
          proto.mutable_fedavg();
        } else {
          static_assert(std::is_same_v<Local, learning::FedProxLocal>);
          proto.mutable_fedprox()->set_mu(local.mu);
        }
      },
      algorithm);
  return proto;
}

absl::StatusOr<learning::LocalAlgorithm> FromProto(const v1::Algorithm& proto) {
  SHOAL_RETURN_IF_ERROR(CheckAllKnown(proto, "the algorithm"));
  SHOAL_RETURN_IF_ERROR(CheckRulesStatus(proto));
  switch (proto.kind_case()) {
    case v1::Algorithm::kFedavg:
      return learning::FedAvgLocal{};
    case v1::Algorithm::kFedprox:
      return learning::FedProxLocal{proto.fedprox().mu()};
    case v1::Algorithm::KIND_NOT_SET:
      break;
  }
  SHOAL_CHECK(false);  // refused by the rules
}

v1::DeviceLimits ToProto(const DeviceLimits& limits) {
  v1::DeviceLimits proto;
  if (limits.energy_joules.has_value()) {
    proto.set_energy_per_round(*limits.energy_joules);
  }
  if (limits.memory_bytes.has_value()) proto.set_memory(*limits.memory_bytes);
  if (limits.upload_bytes.has_value()) {
    proto.set_upload_per_round(*limits.upload_bytes);
  }
  return proto;
}

absl::StatusOr<DeviceLimits> FromProto(const v1::DeviceLimits& proto) {
  SHOAL_RETURN_IF_ERROR(CheckRulesStatus(proto));
  DeviceLimits limits;
  if (proto.has_energy_per_round()) {
    limits.energy_joules = proto.energy_per_round();
  }
  if (proto.has_memory()) {
    limits.memory_bytes = static_cast<int64_t>(proto.memory());
  }
  if (proto.has_upload_per_round()) {
    limits.upload_bytes = static_cast<int64_t>(proto.upload_per_round());
  }
  return limits;
}

}  // namespace shoal::protocol
