#include "coordinator/programs/shoald_setup.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "coordinator/operations/listen_address.h"
#include "coordinator/programs/ca_folder.h"
#include "protocol/exit_code.h"

namespace shoal::coordinator {
namespace {

using configuration::CoordinatorConfig;

constexpr char kDevData[] = "shoal-data";

// What the throw-away certificate names.
constexpr absl::string_view kDevHosts[] = {"127.0.0.1", "::1", "localhost"};

absl::Status CheckDevHost(absl::string_view option, const std::string& listen) {
  SHOAL_ASSIGN_OR_RETURN(const HostPort address, ParseHostPort(listen));
  if (std::find(std::begin(kDevHosts), std::end(kDevHosts), address.host) !=
      std::end(kDevHosts)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--dev serves this machine alone: ", option, " ", listen,
      ", expected a host of ", absl::StrJoin(kDevHosts, ", "),
      "; to serve others make certificates with `shoalctl ca init` and use "
      "--config"));
}

CaFolder DevCa(const std::string& data) {
  CaFolder folder;
  folder.ca = data + "/ca";
  folder.coordinator = data + "/coordinator";
  folder.operators = data + "/operator";
  return folder;
}

absl::Status UseDevCa(CoordinatorConfig& config, absl::Time now) {
  const CaFolder folder = DevCa(config.data);
  std::error_code error;
  if (!std::filesystem::exists(folder.ca_key(), error)) {
    SHOAL_RETURN_IF_ERROR(MakeCaFolder(folder, now));
  }
  config.tls = folder.tls();
  config.enrollment_ca_key = folder.ca_key();
  return absl::OkStatus();
}

absl::StatusOr<CoordinatorConfig> BaseConfig(const ShoaldArguments& arguments) {
  if (arguments.dev && !arguments.config.empty()) {
    return absl::InvalidArgumentError(
        "--dev and --config exclude each other: --dev needs no file");
  }
  if (!arguments.config.empty()) {
    absl::StatusOr<CoordinatorConfig> config =
        configuration::LoadCoordinatorConfig(arguments.config);
    if (!config.ok()) return protocol::AsWrongInput(config.status());
    return config;
  }
  if (!arguments.dev) {
    return absl::InvalidArgumentError(
        "expected --config FILE, or --dev to try it out; see --help");
  }
  CoordinatorConfig config;
  config.listen = "127.0.0.1:7600";
  config.data = kDevData;
  return config;
}

}  // namespace

absl::StatusOr<CoordinatorConfig> ConfigOf(const ShoaldArguments& arguments,
                                           absl::Time now) {
  SHOAL_ASSIGN_OR_RETURN(CoordinatorConfig config, BaseConfig(arguments));
  if (!arguments.data.empty()) config.data = arguments.data;
  if (!arguments.listen.empty()) config.listen = arguments.listen;
  if (!arguments.http_listen.empty()) {
    config.http_listen =
        arguments.http_listen == "none" ? "" : arguments.http_listen;
  }
  if (arguments.dev) {
    SHOAL_RETURN_IF_ERROR(CheckDevHost("--listen", config.listen));
    if (!config.http_listen.empty()) {
      SHOAL_RETURN_IF_ERROR(CheckDevHost("--http-listen", config.http_listen));
    }
  }
  if (arguments.dev && !arguments.insecure) {
    SHOAL_RETURN_IF_ERROR(UseDevCa(config, now));
  }
  return config;
}

std::string DevInstructions(const CoordinatorConfig& config,
                            const std::string& address,
                            const std::string& http_address,
                            const std::string& invitation) {
  const std::string page =
      http_address.empty()
          ? ""
          : absl::StrCat("  dashboard    http://", http_address, "/\n");
  if (!config.tls.has_value()) {
    return absl::StrCat(page, "  look around  shoalctl --coordinator ", address,
                        " --insecure status\n");
  }
  const std::string credentials = DevCa(config.data).operators;
  return absl::StrCat(page, "  look around  shoalctl --coordinator ", address,
                      " --credentials ", credentials,
                      " status\n  add devices  shoal-agent ",
                      "enroll --coordinator ", address, " --ca ", credentials,
                      "/ca.pem --invitation ", invitation, " --state DIR\n",
                      "               (the invitation is valid for a day)\n");
}

}  // namespace shoal::coordinator
