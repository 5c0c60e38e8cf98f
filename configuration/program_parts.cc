#include "configuration/program_parts.h"

#include "base/check.h"
#include "base/host_port.h"
#include "protocol/schema/access.h"

namespace shoal::configuration {

using protocol::schema::Message;
using protocol::schema::Part;
using protocol::schema::Read;

namespace {

// Of the sources that have one path.
learning::DataSource FileSourceFrom(absl::string_view kind,
                                    const Message& part) {
  std::string path;
  Read(part, "path", path);
  if (kind == "mnist" || kind == "fashion_mnist") {
    return {learning::IdxSource{path}};
  }
  if (kind == "har") return {learning::HarSource{path}};
  if (kind == "cifar10") return {learning::Cifar10Source{path}};
  if (kind == "leaf") return {learning::LeafSource{path}};
  if (kind == "emnist") {
    learning::EmnistSource emnist = {path};
    Read(part, "split", emnist.split);
    return {emnist};
  }
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

learning::PartitionKind PartitionKindFrom(absl::string_view kind,
                                          const Message& part) {
  if (kind == "iid") return learning::IidPartition{};
  if (kind == "natural") return learning::NaturalPartition{};
  if (kind == "shards") {
    learning::ShardsPartition shards;
    Read(part, "per_device", shards.per_device);
    return shards;
  }
  if (kind == "classes_per_device") {
    learning::ClassesPartition classes;
    Read(part, "classes", classes.per_device);
    return classes;
  }
  if (kind == "dirichlet_sizes") {
    learning::DirichletSizesPartition sizes;
    Read(part, "alpha", sizes.alpha);
    return sizes;
  }
  if (kind == "lognormal_sizes") {
    learning::LognormalSizesPartition sizes;
    Read(part, "sigma", sizes.sigma);
    return sizes;
  }
  if (kind == "power_law_sizes") {
    learning::PowerLawSizesPartition sizes;
    Read(part, "exponent", sizes.exponent);
    return sizes;
  }
  SHOAL_CHECK(kind == "dirichlet");  // the rules refuse all others
  learning::DirichletPartition dirichlet;
  Read(part, "alpha", dirichlet.alpha);
  return dirichlet;
}

learning::Drift DriftFrom(const Message& message) {
  using Course = learning::DriftSchedule::Course;
  learning::Drift drift;
  learning::DriftSchedule& schedule = drift.schedule;
  schedule.by_time = protocol::schema::Chosen(message) == "time";
  Read(Part(message, "rounds"), "start", schedule.start_round);
  Read(Part(message, "rounds"), "length", schedule.num_rounds);
  Read(Part(message, "time"), "start", schedule.start_time);
  Read(Part(message, "time"), "length", schedule.duration);
  std::string course = "linear";
  Read(message, "course", course);
  schedule.course = course == "step"       ? Course::kStep
                    : course == "periodic" ? Course::kPeriodic
                                           : Course::kLinear;
  Read(message, "labels", drift.labels);
  Read(message, "rotation_degrees", drift.rotation_degrees);
  Read(message, "noise", drift.noise);
  return drift;
}

}  // namespace

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
  if (kind == "synthetic") {
    learning::SyntheticSource synthetic;
    Read(part, "alpha", synthetic.alpha);
    Read(part, "beta", synthetic.beta);
    Read(part, "seed", synthetic.seed);
    Read(part, "iid", synthetic.iid);
    return {synthetic};
  }
  if (kind == "npy") {
    learning::NpySource npy;
    Read(part, "features", npy.features);
    Read(part, "labels", npy.labels);
    Read(part, "users", npy.users);
    Read(part, "test_features", npy.test_features);
    Read(part, "test_labels", npy.test_labels);
    Read(part, "test_users", npy.test_users);
    return {npy};
  }
  return FileSourceFrom(kind, part);
}

std::optional<learning::Partition> PartitionFrom(const Message& partition) {
  const absl::string_view kind = protocol::schema::Chosen(partition);
  if (kind.empty()) return std::nullopt;
  learning::Partition made(PartitionKindFrom(kind, Part(partition, kind)));
  if (protocol::schema::Has(partition, "feature_noise")) {
    Read(Part(partition, "feature_noise"), "sigma",
         made.feature_noise.emplace().sigma);
  }
  if (protocol::schema::Has(partition, "rotation")) {
    const Message& part = Part(partition, "rotation");
    learning::Rotation& rotation = made.rotation.emplace();
    Read(part, "groups", rotation.groups);
    Read(part, "max_degrees", rotation.max_degrees);
  }
  if (protocol::schema::Has(partition, "drift")) {
    made.drift = DriftFrom(Part(partition, "drift"));
  }
  return made;
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
