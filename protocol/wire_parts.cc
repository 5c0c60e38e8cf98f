// Times, and the parts that plans and task files share.
#include <algorithm>
#include <type_traits>

#include "base/check.h"
#include "base/status_macros.h"
#include "protocol/schema_rules.h"
#include "protocol/wire.h"

namespace shoal::protocol {
namespace {

// Of google.protobuf.Duration.
constexpr absl::Duration kLongestDuration = absl::Seconds(315'576'000'000);

int Int(uint32_t value) { return static_cast<int>(value); }

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

v1::ModelDefinition ToProto(const learning::ModelSpec& spec) {
  v1::ModelDefinition proto;
  std::visit(
      [&proto](const auto& architecture) {
        using Spec = std::decay_t<decltype(architecture)>;
        if constexpr (std::is_same_v<Spec, learning::LogisticSpec>) {
          proto.mutable_logistic()->set_inputs(architecture.inputs);
          proto.mutable_logistic()->set_outputs(architecture.outputs);
        } else if constexpr (std::is_same_v<Spec, learning::MlpSpec>) {
          proto.mutable_mlp()->set_inputs(architecture.inputs);
          for (int width : architecture.hidden) {
            proto.mutable_mlp()->add_hidden(width);
          }
          proto.mutable_mlp()->set_outputs(architecture.outputs);
        }
      },
      spec.architecture);
  return proto;
}

absl::StatusOr<learning::ModelSpec> FromProto(
    const v1::ModelDefinition& proto) {
  SHOAL_RETURN_IF_ERROR(CheckRulesStatus(proto));
  switch (proto.architecture_case()) {
    case v1::ModelDefinition::kLogistic:
      return learning::ModelSpec{learning::LogisticSpec{
          Int(proto.logistic().inputs()), Int(proto.logistic().outputs())}};
    case v1::ModelDefinition::kMlp: {
      learning::MlpSpec mlp;
      mlp.inputs = Int(proto.mlp().inputs());
      mlp.hidden.assign(proto.mlp().hidden().begin(),
                        proto.mlp().hidden().end());
      mlp.outputs = Int(proto.mlp().outputs());
      return learning::ModelSpec{mlp};
    }
    case v1::ModelDefinition::ARCHITECTURE_NOT_SET:
      break;
  }
  SHOAL_CHECK(false);  // refused by the rules
}

v1::Training ToProto(const learning::TrainingOptions& options) {
  v1::Training proto;
  proto.set_epochs(options.epochs);
  proto.set_batch_size(options.batch_size);
  proto.set_learning_rate(options.learning_rate);
  proto.set_momentum(options.momentum);
  proto.set_weight_decay(options.weight_decay);
  proto.set_keep_order(options.keep_order);
  return proto;
}

absl::StatusOr<learning::TrainingOptions> FromProto(const v1::Training& proto) {
  SHOAL_RETURN_IF_ERROR(CheckRulesStatus(proto));
  learning::TrainingOptions options;
  if (proto.has_epochs()) options.epochs = Int(proto.epochs());
  if (proto.has_batch_size()) options.batch_size = Int(proto.batch_size());
  options.learning_rate = proto.learning_rate();
  options.momentum = proto.momentum();
  options.weight_decay = proto.weight_decay();
  options.keep_order = proto.keep_order();
  return options;
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
