// shoalctl ca: the deployment's own certificate authority. Works offline.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "configuration/programs.h"
#include "coordinator/programs/ca_folder.h"
#include "coordinator/programs/shoalctl/commands.h"

namespace shoal::shoalctl {
namespace {

struct Options {
  std::string out;
  std::vector<std::string> hosts;
  std::string ca;
  std::vector<std::string> folders;  // to renew the certificates of
  std::string request;               // of a device
  std::string name;                  // likewise
};

absl::Status Init(const Options& options) {
  coordinator::CaFolder folder;
  folder.ca = options.out;
  folder.coordinator = options.out + "/coordinator";
  folder.operators = options.out + "/operator";
  if (!options.hosts.empty()) folder.hosts = options.hosts;
  SHOAL_RETURN_IF_ERROR(coordinator::MakeCaFolder(folder, absl::Now()));
  const configuration::TlsFiles tls = folder.tls();
  std::printf(
      "Made a CA in %s. Keep %s safe: who has it can make devices.\n\n"
      "For shoald's configuration:\n\n"
      "tls:\n  ca: %s\n  certificate: %s\n  key: %s\n"
      "enrollment_ca_key: %s\n\n"
      "For you: shoalctl --credentials %s status\n"
      "For devices: %s/ca.pem, and an invitation (shoalctl device invite)\n",
      folder.ca.c_str(), folder.ca_key().c_str(), tls.ca.c_str(),
      tls.certificate.c_str(), tls.key.c_str(), folder.ca_key().c_str(),
      folder.operators.c_str(), folder.ca.c_str());
  return absl::OkStatus();
}

absl::Status Renew(const Options& options) {
  const coordinator::CaFolder defaults;
  std::vector<std::string> folders = options.folders;
  if (folders.empty()) {
    folders = {options.ca + "/coordinator", options.ca + "/operator"};
  }
  const absl::Time now = absl::Now();
  for (const std::string& folder : folders) {
    SHOAL_RETURN_IF_ERROR(coordinator::RenewCertificate(
        options.ca, folder, now, defaults.certificate_lifetime));
    std::printf(
        "Renewed %s/certificate.pem until %s.\n", folder.c_str(),
        absl::FormatTime("%Y-%m-%d", now + defaults.certificate_lifetime,
                         absl::UTCTimeZone())
            .c_str());
  }
  std::printf("Restart shoald for its own to take effect.\n");
  return absl::OkStatus();
}

absl::Status Sign(const Options& options) {
  const configuration::CoordinatorConfig defaults;
  SHOAL_ASSIGN_OR_RETURN(
      const coordinator::SignedDevice device,
      coordinator::SignDevice(options.ca, options.request, options.name,
                              absl::Now(),
                              defaults.device_certificate_lifetime));
  SHOAL_RETURN_IF_ERROR(
      WriteFileAtomically(options.out, device.certificate_pem));
  std::printf("Enrolled device %s: its certificate is in %s.\n",
              device.id.c_str(), options.out.c_str());
  return absl::OkStatus();
}

}  // namespace

void AddCaCommands(CLI::App& app, Shell& shell) {
  CLI::App* noun = AddNoun(app, "ca", "the deployment's certificate authority");
  auto options = std::make_shared<Options>();  // shared with the callback
  CLI::App* init =
      AddVerb(*noun, shell, "init",
              "make a CA, a certificate for shoald and one for you (offline)",
              "shoalctl ca init --out /etc/shoal/ca --host fleet.example.org",
              [options] { return Init(*options); });
  init->add_option("--out", options->out, "folder to make")->required();
  init->add_option("--host", options->hosts,
                   "name or address under which devices reach the "
                   "coordinator; may be repeated (default: localhost)");
  CLI::App* renew =
      AddVerb(*noun, shell, "renew",
              "make certificates valid anew, for the same keys (offline)",
              "shoalctl ca renew --ca /etc/shoal/ca",
              [options] { return Renew(*options); });
  renew->add_option("--ca", options->ca, "folder of the CA")->required();
  renew->add_option("FOLDER", options->folders,
                    "folders with a certificate.pem (default: coordinator and "
                    "operator below the CA's)");
  CLI::App* sign =
      AddVerb(*noun, shell, "sign",
              "enrol a device where the coordinator enrols none (offline)",
              "shoalctl ca sign --ca ca --request pump-7.csr --name pump-7 "
              "--out certificate.pem",
              [options] { return Sign(*options); });
  sign->add_option("--ca", options->ca, "folder of the CA")->required();
  sign->add_option("--request", options->request,
                   "what the device has made: PKCS#10, DER, of a P-256 key")
      ->required();
  sign->add_option("--name", options->name, "of the device, for people")
      ->required();
  sign->add_option("--out", options->out, "certificate to write, PEM file")
      ->required();
}

}  // namespace shoal::shoalctl
