#include "configuration/server_optimizer_proto.h"

namespace shoal::configuration {
namespace {

SgdServerOptions OptionsFrom(const v1::SgdServer& proto) {
  SgdServerOptions options;
  if (proto.has_learning_rate()) options.learning_rate = proto.learning_rate();
  options.momentum = proto.momentum();
  options.nesterov = proto.nesterov();
  return options;
}

AdagradServerOptions OptionsFrom(const v1::AdagradServer& proto) {
  AdagradServerOptions options;
  options.learning_rate = proto.learning_rate();
  options.beta1 = proto.beta1();
  if (proto.has_tau()) options.tau = proto.tau();
  return options;
}

// Adam and Yogi have the same settings.
template <typename Options, typename Proto>
Options MomentsFrom(const Proto& proto) {
  Options options;
  options.learning_rate = proto.learning_rate();
  if (proto.has_beta1()) options.beta1 = proto.beta1();
  if (proto.has_beta2()) options.beta2 = proto.beta2();
  if (proto.has_tau()) options.tau = proto.tau();
  return options;
}

void Write(const SgdServerOptions& options, v1::ServerOptimizer& proto) {
  proto.mutable_sgd()->set_learning_rate(options.learning_rate);
  proto.mutable_sgd()->set_momentum(options.momentum);
  proto.mutable_sgd()->set_nesterov(options.nesterov);
}

void Write(const AdagradServerOptions& options, v1::ServerOptimizer& proto) {
  proto.mutable_adagrad()->set_learning_rate(options.learning_rate);
  proto.mutable_adagrad()->set_beta1(options.beta1);
  proto.mutable_adagrad()->set_tau(options.tau);
}

template <typename Options, typename Proto>
void WriteMoments(const Options& options, Proto& proto) {
  proto.set_learning_rate(options.learning_rate);
  proto.set_beta1(options.beta1);
  proto.set_beta2(options.beta2);
  proto.set_tau(options.tau);
}

void Write(const AdamServerOptions& options, v1::ServerOptimizer& proto) {
  WriteMoments(options, *proto.mutable_adam());
}

void Write(const YogiServerOptions& options, v1::ServerOptimizer& proto) {
  WriteMoments(options, *proto.mutable_yogi());
}

}  // namespace

ServerOptimizerOptions FromProto(const v1::ServerOptimizer& proto) {
  switch (proto.kind_case()) {
    case v1::ServerOptimizer::kAdagrad:
      return OptionsFrom(proto.adagrad());
    case v1::ServerOptimizer::kAdam:
      return MomentsFrom<AdamServerOptions>(proto.adam());
    case v1::ServerOptimizer::kYogi:
      return MomentsFrom<YogiServerOptions>(proto.yogi());
    case v1::ServerOptimizer::kSgd:
    case v1::ServerOptimizer::KIND_NOT_SET:
      break;
  }
  return OptionsFrom(proto.sgd());
}

v1::ServerOptimizer ToProto(const ServerOptimizerOptions& options) {
  v1::ServerOptimizer proto;
  std::visit([&proto](const auto& kind) { Write(kind, proto); }, options);
  return proto;
}

}  // namespace shoal::configuration
