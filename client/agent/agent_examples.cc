#include "client/agent/agent_examples.h"

#include <cstdlib>

#include "protocol/schema/access.h"

namespace shoal::client {

AgentExamples ExamplesFrom(const protocol::schema::Message& examples) {
  using protocol::schema::Read;
  AgentExamples read;
  ExampleStoreOptions& store = read.store;
  Read(examples, "features", store.num_features);
  Read(examples, "classes", store.num_classes);
  Read(examples, "labels_per_example", store.labels_per_example);
  Read(examples, "targets", store.num_targets);
  Read(examples, "max_examples", store.max_examples);
  Read(examples, "max_bytes", store.max_bytes);
  if (protocol::schema::Has(examples, "max_age")) {
    Read(examples, "max_age", store.max_age.emplace());
  }
  Read(examples, "missing_values", store.missing_values);
  Read(examples, "folder", read.folder);
  Read(examples, "socket", read.socket);
  std::string mode;
  Read(examples, "socket_mode", mode);
  if (!mode.empty()) {
    read.socket_mode =
        static_cast<uint32_t>(std::strtoul(mode.c_str(), nullptr, 8));
  }
  return read;
}

}  // namespace shoal::client
