// Writes the schema down as the tables of protocol/schema/tables.cc.
#ifndef SHOAL_PROTOCOL_TABLE_WRITER_H_
#define SHOAL_PROTOCOL_TABLE_WRITER_H_

#include <string>

namespace shoal::protocol {

// The whole file. CHECK-fails on a schema that uses what the tables cannot
// express (protocol/schema/schema.h): this is the place to extend them.
std::string SchemaTables();

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_TABLE_WRITER_H_
