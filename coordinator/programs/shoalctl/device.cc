// shoalctl device: list, show, forget, invite.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "base/units.h"
#include "coordinator/programs/shoalctl/commands.h"
#include "coordinator/programs/shoalctl/text.h"
#include "protocol/wire.h"

namespace shoal::shoalctl {
namespace {

constexpr uint32_t kPage = 1000;
constexpr size_t kShortId = 12;

struct Options {
  std::string id;
  bool yes = false;
  uint32_t limit = 100;
  uint32_t uses = 1;
  std::string valid_for = "1h";
  std::string label;
};

std::string DevicesTable(const v1::ListDevicesResponse& list) {
  const absl::Time now = absl::Now();
  Table table({"ID", "NAME", "POPULATION", "LAST SEEN", "CONTRIBUTIONS",
               "EXAMPLES", "SDK"});
  for (const v1::DeviceReport& device : list.devices()) {
    table.Add({device.id().substr(0, kShortId), OrDash(device.name()),
               OrDash(device.population()),
               Since(device.has_last_seen(), device.last_seen(), now),
               absl::StrCat(device.contributions()),
               absl::StrCat(device.num_examples()),
               OrDash(device.sdk_version())});
  }
  return table.ToString();
}

std::string DeviceFields(const v1::DeviceReport& device) {
  const absl::Time now = absl::Now();
  Fields fields = {
      {"id", device.id()},
      {"name", OrDash(device.name())},
      {"population", OrDash(device.population())},
      {"enrolled", Exact(device.has_enrolled(), device.enrolled(), now)},
      {"last seen", Exact(device.has_last_seen(), device.last_seen(), now)},
      {"certificate expires", Exact(device.has_certificate_expires(),
                                    device.certificate_expires(), now)},
      {"contributions", absl::StrCat(device.contributions())},
      {"examples", absl::StrCat(device.num_examples())},
      {"sdk", OrDash(device.sdk_version())}};
  for (const v1::DeviceFault& fault : device.faults()) {
    fields.push_back({absl::StrCat("fault in round ", fault.round_id()),
                      absl::StrCat(Exact(fault.has_at(), fault.at(), now), ": ",
                                   fault.what())});
  }
  return FieldsText(fields);
}

absl::Status List(Shell& shell, const Options& options) {
  v1::ListDevicesResponse all;
  v1::ListDevicesRequest request;
  while (static_cast<uint32_t>(all.devices_size()) < options.limit) {
    request.set_limit(
        std::min<uint32_t>(kPage, options.limit - all.devices_size()));
    v1::ListDevicesResponse page;
    SHOAL_RETURN_IF_ERROR(
        shell.Call(&v1::Admin::Stub::ListDevices, request, page));
    all.MergeFrom(page);
    if (static_cast<uint32_t>(page.devices_size()) < request.limit()) break;
    request.set_after_id(page.devices().rbegin()->id());
  }
  shell.Print(all, [&] { return DevicesTable(all); });
  return absl::OkStatus();
}

absl::Status Show(Shell& shell, const Options& options) {
  v1::GetDeviceRequest request;
  request.set_id(options.id);
  v1::DeviceReport device;
  SHOAL_RETURN_IF_ERROR(
      shell.Call(&v1::Admin::Stub::GetDevice, request, device));
  shell.Print(device, [&] { return DeviceFields(device); });
  return absl::OkStatus();
}

// OK when the operator agrees that it is this device that shall be forgotten.
absl::Status ConfirmForgetting(const v1::DeviceReport& device) {
  if (isatty(STDIN_FILENO) == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "device forget: this is device ", device.id(), " (",
        OrDash(device.name()),
        "), and there is no terminal to confirm it on, expected --yes"));
  }
  std::fputs(absl::StrCat(DeviceFields(device),
                          "What is kept of this device is deleted, and its key "
                          "is barred for good. Type yes to go on: ")
                 .c_str(),
             stderr);
  char answer[16] = {};
  if (std::fgets(answer, sizeof answer, stdin) != nullptr &&
      absl::StripAsciiWhitespace(answer) == "yes") {
    return absl::OkStatus();
  }
  return absl::CancelledError("device forget: nothing was changed");
}

absl::Status Forget(Shell& shell, const Options& options) {
  v1::GetDeviceRequest named;
  named.set_id(options.id);
  v1::DeviceReport device;
  SHOAL_RETURN_IF_ERROR(shell.Call(&v1::Admin::Stub::GetDevice, named, device));
  if (!options.yes) SHOAL_RETURN_IF_ERROR(ConfirmForgetting(device));
  v1::ForgetDeviceRequest request;
  request.set_id(device.id());
  v1::ForgetDeviceResponse forgotten;
  SHOAL_RETURN_IF_ERROR(
      shell.Call(&v1::Admin::Stub::ForgetDevice, request, forgotten));
  shell.Print(forgotten, [&] {
    return absl::StrCat("device ", forgotten.id(), " is forgotten\n");
  });
  return absl::OkStatus();
}

absl::Status Invite(Shell& shell, const Options& options) {
  const std::optional<absl::Duration> valid_for =
      ParseDuration(options.valid_for);
  if (!valid_for.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--valid-for: '", options.valid_for,
        "' is no duration, expected a number and a unit such as 1h"));
  }
  v1::InviteDevicesRequest request;
  request.set_uses(options.uses);
  *request.mutable_valid_for() = protocol::ToProto(*valid_for);
  request.set_label(options.label);
  v1::Invitation invitation;
  SHOAL_RETURN_IF_ERROR(
      shell.Call(&v1::Admin::Stub::InviteDevices, request, invitation));
  shell.Print(invitation, [&] {
    return FieldsText(
        {{"invitation", invitation.token()},
         {"expires", Exact(true, invitation.expires(), absl::Now())},
         {"uses", invitation.uses() == 0 ? "unlimited"
                                         : absl::StrCat(invitation.uses())}});
  });
  return absl::OkStatus();
}

}  // namespace

void AddDeviceCommands(CLI::App& app, Shell& shell) {
  CLI::App* noun = AddNoun(app, "device", "devices of the fleet");
  auto options = std::make_shared<Options>();  // shared with the callbacks
  CLI::App* list = AddVerb(*noun, shell, "list", "list devices",
                           "shoalctl device list --limit 20",
                           [&shell, options] { return List(shell, *options); });
  list->add_option("--limit", options->limit, "at most so many devices");
  CLI::App* show = AddVerb(*noun, shell, "show", "show one device",
                           "shoalctl device show kitchen-pi",
                           [&shell, options] { return Show(shell, *options); });
  show->add_option("DEVICE", options->id,
                   "identity, the start of one, or a name")
      ->required();
  CLI::App* forget =
      AddVerb(*noun, shell, "forget",
              "delete what is kept of a device and bar its key; its updates "
              "stay in the models that were made of them",
              "shoalctl device forget kitchen-pi --yes",
              [&shell, options] { return Forget(shell, *options); });
  forget
      ->add_option("DEVICE", options->id,
                   "identity, the start of one, or a name")
      ->required();
  forget->add_flag("--yes", options->yes, "do not ask for confirmation");
  CLI::App* invite =
      AddVerb(*noun, shell, "invite", "make an invitation to enroll",
              "shoalctl device invite --uses 50 --valid-for 8h",
              [&shell, options] { return Invite(shell, *options); });
  invite->add_option("--uses", options->uses,
                     "devices that may use it; 0: any number (default: 1)");
  invite->add_option("--valid-for", options->valid_for,
                     "how long, such as 90s, 1h, 7d (default: 1h)");
  invite->add_option("--label", options->label, "what it is for");
}

}  // namespace shoal::shoalctl
