#include <cstdio>

#include "protocol/table_writer.h"

int main() { std::fputs(shoal::protocol::SchemaTables().c_str(), stdout); }
