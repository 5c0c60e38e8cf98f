#include "configuration/program_parts.h"

#include "base/check.h"
#include "base/host_port.h"
#include "protocol/schema/access.h"

namespace shoal::configuration {

using protocol::schema::Message;
using protocol::schema::Part;
using protocol::schema::Read;

Severity SeverityFrom(const Message& config) {
  std::string name = "info";
  Read(config, "log_level", name);
  if (name == "debug") return Severity::kDebug;
  if (name == "warning") return Severity::kWarning;
  if (name == "error") return Severity::kError;
  SHOAL_CHECK(name == "info");  // the schema's pattern
  return Severity::kInfo;
}

learning::DataSource DataSourceFrom(const Message& source) {
  const absl::string_view kind = protocol::schema::Chosen(source);
  const Message& part = Part(source, kind);
  if (kind == "handwriting") {
    learning::HandwritingSource handwriting;
    Read(part, "seed", handwriting.seed);
    Read(part, "mean_examples", handwriting.mean_examples);
    return {handwriting};
  }
  std::string path;
  Read(part, "path", path);
  if (kind == "mnist" || kind == "fashion_mnist") {
    return {learning::IdxSource{path}};
  }
  if (kind == "har") return {learning::HarSource{path}};
  if (kind == "text") {
    learning::TextSource text = {path};
    Read(part, "length", text.length);
    return {text};
  }
  SHOAL_CHECK(kind == "csv");  // the rules refuse all others
  learning::CsvSource csv = {.path = path};
  Read(part, "label", csv.label);
  Read(part, "target", csv.target);
  Read(part, "device", csv.device);
  return {csv};
}

std::optional<learning::Partition> PartitionFrom(const Message& partition) {
  const absl::string_view kind = protocol::schema::Chosen(partition);
  if (kind.empty()) return std::nullopt;
  if (kind == "iid") return learning::IidPartition{};
  if (kind == "natural") return learning::NaturalPartition{};
  SHOAL_CHECK(kind == "dirichlet");  // the rules refuse all others
  learning::DirichletPartition dirichlet;
  Read(Part(partition, kind), "alpha", dirichlet.alpha);
  return dirichlet;
}

void CheckAddress(const Message& config, absl::string_view name,
                  FileReport& report) {
  if (!protocol::schema::Has(config, name) || report.IsExplained(name)) return;
  std::string address;
  Read(config, name, address);
  const absl::Status parsed = ParseHostPort(address).status();
  if (!parsed.ok()) report.Add(name, parsed.message());
}

}  // namespace shoal::configuration
