#include "configuration/programs.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file.h"
#include "base/host_port.h"
#include "base/status_macros.h"
#include "configuration/file_report.h"
#include "configuration/task_checks.h"
#include "configuration/yaml_reader.h"
#include "protocol/wire.h"
#include "shoal/v1/configuration.pb.h"

namespace shoal::configuration {
namespace {

// A setting that is not given keeps its default.
template <typename From, typename To>
void SetIf(bool present, const From& value, To& target) {
  if (present) target = static_cast<To>(value);
}

Severity SeverityFrom(const std::string& name) {
  if (name == "debug") return Severity::kDebug;
  if (name == "warning") return Severity::kWarning;
  if (name == "error") return Severity::kError;
  SHOAL_CHECK(name.empty() || name == "info");  // the schema's pattern
  return Severity::kInfo;
}

void CheckAddress(const std::string& address, absl::string_view path,
                  FileReport& report) {
  if (report.IsExplained(path)) return;
  const absl::Status parsed = ParseHostPort(address).status();
  if (!parsed.ok()) report.Add(path, parsed.message());
}

learning::DataSource DataSourceFrom(const v1::DataSource& proto) {
  switch (proto.kind_case()) {
    case v1::DataSource::kHandwriting: {
      learning::HandwritingSource source;
      source.seed = proto.handwriting().seed();
      if (proto.handwriting().has_mean_examples()) {
        source.mean_examples =
            static_cast<int>(proto.handwriting().mean_examples());
      }
      return {source};
    }
    case v1::DataSource::kMnist:
      return {learning::IdxSource{proto.mnist().path()}};
    case v1::DataSource::kFashionMnist:
      return {learning::IdxSource{proto.fashion_mnist().path()}};
    case v1::DataSource::kHar:
      return {learning::HarSource{proto.har().path()}};
    case v1::DataSource::kCsv:
      return {learning::CsvSource{.path = proto.csv().path(),
                                  .label = proto.csv().label(),
                                  .target = proto.csv().target(),
                                  .device = proto.csv().device()}};
    case v1::DataSource::kText: {
      learning::TextSource source = {proto.text().path()};
      SetIf(proto.text().has_length(), proto.text().length(), source.length);
      return {source};
    }
    case v1::DataSource::KIND_NOT_SET:
      break;
  }
  SHOAL_CHECK(false);  // refused by the rules
}

std::optional<learning::Partition> PartitionFrom(const v1::Partition& proto) {
  switch (proto.kind_case()) {
    case v1::Partition::kIid:
      return learning::IidPartition{};
    case v1::Partition::kDirichlet:
      return learning::DirichletPartition{proto.dirichlet().alpha()};
    case v1::Partition::kNatural:
      return learning::NaturalPartition{};
    case v1::Partition::KIND_NOT_SET:
      return std::nullopt;
  }
  SHOAL_CHECK(false);
}

CoordinatorConfig CoordinatorConfigFrom(const v1::CoordinatorConfig& proto) {
  CoordinatorConfig config;
  SetIf(proto.has_listen(), proto.listen(), config.listen);
  SetIf(proto.has_http_listen(), proto.http_listen(), config.http_listen);
  config.data = proto.data();
  if (proto.has_tls()) {
    config.tls = TlsFiles{proto.tls().ca(), proto.tls().certificate(),
                          proto.tls().key()};
  }
  config.enrollment_ca_key = proto.enrollment_ca_key();
  if (proto.has_device_certificate_lifetime()) {
    config.device_certificate_lifetime =
        protocol::FromProto(proto.device_certificate_lifetime());
  }
  SetIf(proto.commit().has_max_updates(), proto.commit().max_updates(),
        config.commit_max_updates);
  if (proto.commit().has_max_delay()) {
    config.commit_max_delay = protocol::FromProto(proto.commit().max_delay());
  }
  SetIf(proto.commit().has_max_bytes(), proto.commit().max_bytes(),
        config.commit_max_bytes);
  SetIf(proto.has_upload_memory(), proto.upload_memory(),
        config.upload_memory_bytes);
  SetIf(proto.has_upload_disk(), proto.upload_disk(), config.upload_disk_bytes);
  SetIf(proto.has_worker_threads(), proto.worker_threads(),
        config.worker_threads);
  config.log_level = SeverityFrom(proto.log_level());
  config.log_json = proto.log_json();
  return config;
}

AgentConfig AgentConfigFrom(const v1::AgentConfig& proto) {
  AgentConfig config;
  config.coordinator = proto.coordinator();
  config.state = proto.state();
  config.population = proto.population();
  config.data = DataSourceFrom(proto.data());
  config.partition = PartitionFrom(proto.partition());
  if (proto.has_share()) {
    config.share = {static_cast<int>(proto.share().index()),
                    static_cast<int>(proto.share().devices())};
  }
  config.seed = proto.seed();
  SetIf(proto.has_memory(), proto.memory(), config.memory_bytes);
  config.insecure = proto.insecure();
  config.log_level = SeverityFrom(proto.log_level());
  config.log_json = proto.log_json();
  if (proto.has_max_backoff()) {
    config.max_backoff = protocol::FromProto(proto.max_backoff());
  }
  return config;
}

template <typename Config>
absl::StatusOr<Config> Load(
    const std::string& path,
    absl::StatusOr<Config> (*parse)(absl::string_view, absl::string_view)) {
  SHOAL_ASSIGN_OR_RETURN(const std::string yaml, ReadFile(path, kMaxFileBytes));
  return parse(yaml, path);
}

}  // namespace

absl::StatusOr<CoordinatorConfig> ParseCoordinatorConfig(
    absl::string_view yaml, absl::string_view name) {
  FileReport report(name);
  v1::CoordinatorConfig proto;
  ReadYaml(yaml, proto, report);
  AddRuleViolations(proto, "", report);
  if (proto.has_listen()) CheckAddress(proto.listen(), "listen", report);
  if (!proto.http_listen().empty()) {
    CheckAddress(proto.http_listen(), "http_listen", report);
  }
  SHOAL_RETURN_IF_ERROR(report.ToStatus());
  return CoordinatorConfigFrom(proto);
}

absl::StatusOr<AgentConfig> ParseAgentConfig(absl::string_view yaml,
                                             absl::string_view name) {
  FileReport report(name);
  v1::AgentConfig proto;
  ReadYaml(yaml, proto, report);
  AddRuleViolations(proto, "", report);
  CheckAddress(proto.coordinator(), "coordinator", report);
  if (proto.share().has_devices() &&
      proto.share().index() >= proto.share().devices()) {
    report.Add("share.index", absl::StrCat(proto.share().index(),
                                           " is not below share.devices, ",
                                           proto.share().devices()));
  }
  SHOAL_RETURN_IF_ERROR(report.ToStatus());
  return AgentConfigFrom(proto);
}

absl::StatusOr<Scenario> ParseScenario(absl::string_view yaml,
                                       absl::string_view name) {
  FileReport report(name);
  v1::Scenario proto;
  ReadYaml(yaml, proto, report);
  AddRuleViolations(proto, "", report);
  CheckTaskInFile(proto.task(), "task", report);
  SHOAL_RETURN_IF_ERROR(report.ToStatus());
  Scenario scenario;
  scenario.task = CheckedTaskFromProto(proto.task());
  scenario.devices = static_cast<int>(proto.population().devices());
  scenario.data = DataSourceFrom(proto.population().data());
  scenario.partition = PartitionFrom(proto.population().partition());
  scenario.seed = proto.seed();
  return scenario;
}

absl::StatusOr<CoordinatorConfig> LoadCoordinatorConfig(
    const std::string& path) {
  return Load(path, ParseCoordinatorConfig);
}

absl::StatusOr<AgentConfig> LoadAgentConfig(const std::string& path) {
  return Load(path, ParseAgentConfig);
}

absl::StatusOr<Scenario> LoadScenario(const std::string& path) {
  return Load(path, ParseScenario);
}

}  // namespace shoal::configuration
