// A schema's message as YAML, the reverse of yaml_reader.h.
#ifndef SHOAL_CONFIGURATION_YAML_WRITER_H_
#define SHOAL_CONFIGURATION_YAML_WRITER_H_

#include <string>

#include "protocol/schema/message.h"

namespace shoal::configuration {

// Every field that is set, in the order of the schema, with units; ReadYaml
// gives an equal message. Two levels of keys have lines of their own, what is
// below them stands in braces. "" when nothing is set.
std::string WriteYaml(const protocol::schema::Message& message);

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_YAML_WRITER_H_
