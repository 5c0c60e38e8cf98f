// Compiles the promised headers alone, as C++17.
#include "shoal/client.h"
#include "shoal/grpc_client.h"

static_assert(__cplusplus == 201703L, "this file is compiled as C++17");
