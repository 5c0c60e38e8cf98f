// What a device shows and checks when it connects.
#ifndef SHOAL_CLIENT_TRANSPORT_CHANNEL_TLS_H_
#define SHOAL_CLIENT_TRANSPORT_CHANNEL_TLS_H_

#include <string>

#include "base/secret.h"

namespace shoal::client {

struct ChannelTls {
  std::string ca_pem;           // who must have signed the coordinator
  Secret key_pem;               // empty: the device shows no certificate
  std::string certificate_pem;  // of the key
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_CHANNEL_TLS_H_
