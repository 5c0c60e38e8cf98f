#include "client/agent/owners_say.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/agent/agent_status.h"
#include "client/forgetting.h"
#include "client/identity.h"
#include "client/include/shoal/client.h"
#include "client/participation.h"
#include "client/transport/device_client.h"
#include "client/transport/lean_transport.h"
#include "protocol/exit_code.h"

namespace shoal::client {
namespace {

using Json = nlohmann::ordered_json;

std::string Line(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// What holds after a forgetting that has failed; empty where there is no folder
// that could tell.
absl::string_view WhatHolds(const std::string& folder) {
  const absl::StatusOr<Participation> said = GetParticipation(folder);
  if (!said.ok()) return "";
  // Somebody else has had it forgotten meanwhile.
  if (*said != Participation::kForgetting && !HasIdentity(folder)) {
    return "forgotten";
  }
  return ParticipationName(*said);
}

// A client that is running removes the mark of a forgetting that is complete.
bool IsMarked(const std::string& folder) {
  return !CheckNotForgetting(folder).ok();
}

std::string ForgottenText(const std::string& folder) {
  return absl::StrCat(
      "this device is forgotten: its data, key and certificates are deleted",
      IsMarked(folder) ? "; the agent that uses the folder ends by itself when "
                         "its next session is due"
                       : "",
      "\n");
}

}  // namespace

absl::StatusOr<std::string> SayParticipation(
    const configuration::AgentConfig& config, bool takes_part, bool json) {
  SHOAL_RETURN_IF_ERROR(
      protocol::AsWrongInput(SetParticipation(config.state, takes_part)));
  if (json) {
    return Line({{"participation",
                  ParticipationName(takes_part ? Participation::kTakesPart
                                               : Participation::kOptedOut)}});
  }
  return std::string(
      takes_part ? "opted in: the device takes part again\n"
                 : "opted out: the device trains and sends nothing until "
                   "`shoal-agent opt-in`\n");
}

std::string ForgetWarning(const configuration::AgentConfig& config) {
  return absl::StrCat(
      "This deletes what the device holds in ", config.state,
      " (models, examples, updates, budgets), has ", config.coordinator,
      " delete what names the device, and deletes its key. It cannot be "
      "undone.\n");
}

std::string ForgetNotice(const configuration::AgentConfig& config,
                         bool without_coordinator) {
  if (config.insecure) return "";
  if (!without_coordinator && HasIdentity(config.state)) return "";
  const absl::StatusOr<std::string> id = DeviceId(config.state);
  if (!id.ok()) return "";
  return absl::StrCat(
      "The coordinator is not asked to forget this device: note that an "
      "operator can have it do so with `shoalctl device forget ",
      *id, "`\n");
}

ForgetAnswer SayForget(const configuration::AgentConfig& config,
                       bool without_coordinator, bool json,
                       const Failpoints& failpoints) {
  ForgetAnswer answer;
  answer.status = ForgetDevice({config.coordinator, config.state, config.proxy,
                                config.insecure, without_coordinator},
                               {failpoints, nullptr}, MakeLeanTransport);
  if (absl::IsNotFound(answer.status)) {
    answer.status = protocol::AsWrongInput(answer.status);
  }
  if (json) {
    Json object = Json::object();
    const absl::string_view holds =
        answer.status.ok() ? "forgotten" : WhatHolds(config.state);
    if (!holds.empty()) object["participation"] = holds;
    if (!answer.status.ok()) {
      object["error"] = std::string(answer.status.message());
    }
    answer.text = Line(object);
  } else if (answer.status.ok()) {
    answer.text = ForgottenText(config.state);
  }
  return answer;
}

}  // namespace shoal::client
