// A cap on what OpenSSL allocates.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_OPENSSL_MEMORY_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_OPENSSL_MEMORY_H_

#include <cstddef>

#include "client/transport/lean/capped_memory.h"

namespace shoal::client::lean {

// From now on OpenSSL gets at most `limit_bytes` in this process; what does not
// fit fails the call that asks for it. Only before OpenSSL has allocated
// anything: for the agent's main(), and not for products, which have other uses
// for OpenSSL. Null when it is too late; otherwise valid as long as the
// process.
CappedMemory* CapOpenSslMemory(size_t limit_bytes);

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_OPENSSL_MEMORY_H_
