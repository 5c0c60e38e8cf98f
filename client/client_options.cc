#include "client/client_options.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/host_port.h"
#include "base/human_duration.h"

namespace shoal::client {
namespace {

constexpr size_t kMaxPopulationBytes = 63;

absl::Status Wrong(absl::string_view option, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", problem));
}

bool IsPopulation(absl::string_view text) {
  const auto is_alnum = [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c);
  };
  if (text.empty() || text.size() > kMaxPopulationBytes || !is_alnum(text[0])) {
    return false;
  }
  for (const char c : text) {
    if (!is_alnum(c) && c != '_' && c != '.' && c != '-') return false;
  }
  return true;
}

}  // namespace

absl::Status CheckAddress(const std::string& address) {
  const absl::Status parsed = ParseServerAddress(address).status();
  return parsed.ok() ? parsed : Wrong("coordinator", parsed.message());
}

absl::Status CheckOptions(const ClientOptions& options) {
  absl::Status address = CheckAddress(options.coordinator);
  if (!address.ok()) return address;
  if (options.state_folder.empty()) {
    return Wrong("state_folder", "is empty, expected a folder's path");
  }
  if (!IsPopulation(options.population)) {
    return Wrong(
        "population",
        absl::StrCat("'", options.population,
                     "' is not a name: expected up to 63 of a-z, 0-9, "
                     "'_', '.', '-', starting with a letter or digit"));
  }
  if (options.memory_bytes < 0 ||
      (options.memory_bytes > 0 && options.memory_bytes <= kSdkMemoryBytes)) {
    return Wrong("memory_bytes",
                 absl::StrCat(options.memory_bytes,
                              ", expected 0 (not limited) or more than the ",
                              kSdkMemoryBytes,
                              " that messages and the network may take"));
  }
  if (options.max_backoff <= absl::ZeroDuration()) {
    return Wrong("max_backoff", absl::StrCat(HumanDuration(options.max_backoff),
                                             ", expected more than 0"));
  }
  if (options.idle_window <= absl::ZeroDuration()) {
    return Wrong("idle_window", absl::StrCat(HumanDuration(options.idle_window),
                                             ", expected more than 0"));
  }
  return absl::OkStatus();
}

}  // namespace shoal::client
