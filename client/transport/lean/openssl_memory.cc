#include "client/transport/lean/openssl_memory.h"

#include <openssl/crypto.h>

namespace shoal::client::lean {
namespace {

CappedMemory* memory = nullptr;  // never freed: OpenSSL cleans up at exit

void* Allocate(size_t size, const char*, int) { return memory->Allocate(size); }

void* Resize(void* block, size_t size, const char*, int) {
  if (size == 0) {
    memory->Free(block);
    return nullptr;
  }
  return memory->Resize(block, size);
}

void Free(void* block, const char*, int) { memory->Free(block); }

}  // namespace

CappedMemory* CapOpenSslMemory(size_t limit_bytes) {
  if (memory != nullptr) return nullptr;
  memory = new CappedMemory(limit_bytes);
  if (CRYPTO_set_mem_functions(Allocate, Resize, Free) == 1) return memory;
  delete memory;
  memory = nullptr;
  return nullptr;
}

}  // namespace shoal::client::lean
