// One YAML scalar into one field of a message.
#ifndef SHOAL_CONFIGURATION_SCALAR_READER_H_
#define SHOAL_CONFIGURATION_SCALAR_READER_H_

#include <string>

#include "protocol/schema/message.h"

namespace shoal::configuration {

struct Scalar {
  std::string text;
  bool quoted = false;  // then it is text, whatever it looks like
};

// Sets `field` of `message`, or appends to it when it is a list. Returns what
// is wrong, "" when nothing is. Ranges and patterns are not looked at.
std::string SetScalar(protocol::schema::Message& message,
                      const protocol::schema::Field& field,
                      const Scalar& scalar);

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_SCALAR_READER_H_
