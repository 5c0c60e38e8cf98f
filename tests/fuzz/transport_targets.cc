// What a coordinator, or somebody in its place, may say to the lean transport.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "client/transport/lean/grpc_call.h"
#include "client/transport/lean/grpc_message.h"
#include "client/transport/lean/http2_session.h"
#include "protocol/codec.h"
#include "protocol/schema/message.h"
#include "protocol/schema/rules.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/transport_inputs.h"
#include "tests/support/http2_frames.h"

namespace shoal::testing {
namespace {

using client::lean::GrpcCall;
using client::lean::Http2Session;
using client::lean::MessageAssembler;
using protocol::schema::Message;

constexpr size_t kMaxMessageBytes = 1000;

constexpr const char* kSchemaTypes[] = {
    "CheckInResponse",  "QueryUploadResponse", "UploadReceipt",
    "AbandonResponse",  "EnrollResponse",      "Refusal",
    "AggregateResponse"};

// Bytes, and into pieces of which size they fall: the first byte says it.
struct Pieces {
  size_t size;
  absl::string_view bytes;
};
Pieces PiecesOf(absl::string_view data) {
  const size_t size = static_cast<uint8_t>(data[0]);
  return {size == 0 ? data.size() : size, data.substr(1)};
}
std::string InPieces(int size, absl::string_view bytes) {
  std::string input(bytes);
  input.insert(input.begin(), static_cast<char>(size));
  return input;
}

// False when the connection is lost.
bool SendAll(Http2Session& session) {
  while (true) {
    const absl::StatusOr<absl::string_view> output = session.Output();
    if (!output.ok()) return false;
    if (output->empty()) return true;
    session.Sent(output->size());
  }
}

// The messages, and whether all was well.
std::pair<std::vector<std::string>, bool> Assemble(const Pieces& pieces) {
  std::vector<std::string> messages;
  MessageAssembler assembler(kMaxMessageBytes);
  absl::Status status;
  for (size_t at = 0; at < pieces.bytes.size() && status.ok();
       at += pieces.size) {
    status = assembler.Add(pieces.bytes.substr(at, pieces.size),
                           [&](absl::string_view message) {
                             SHOAL_CHECK(message.size() <= kMaxMessageBytes);
                             messages.emplace_back(message);
                             return absl::OkStatus();
                           });
  }
  return {messages, status.ok()};
}

}  // namespace

void FuzzHttp2Answer(absl::string_view data) {
  if (data.empty()) return;
  const Pieces pieces = PiecesOf(data);
  GrpcCall call(kMaxMessageBytes,
                {[](absl::string_view message) {
                   SHOAL_CHECK(message.size() <= kMaxMessageBytes);
                   return absl::OkStatus();
                 },
                 {}});
  call.Send("question");
  call.CloseSending();
  Http2Session session;
  SHOAL_CHECK(session.Request(client::lean::HeadersOf({}), call).ok());
  bool open = SendAll(session);
  SHOAL_CHECK(open);
  for (size_t at = 0; at < pieces.bytes.size() && open; at += pieces.size) {
    open = session.Receive(pieces.bytes.substr(at, pieces.size)).ok() &&
           SendAll(session);
  }
  SHOAL_CHECK(session.memory().peak_bytes() <= Http2Session::kMaxMemoryBytes);
  if (call.over() && call.failure().ok()) SHOAL_CHECK(call.status().code >= 0);
}

void FuzzGrpcMessages(absl::string_view data) {
  if (data.empty()) return;
  const Pieces pieces = PiecesOf(data);
  SHOAL_CHECK(
      Assemble(pieces) ==
      Assemble({std::max<size_t>(pieces.bytes.size(), 1), pieces.bytes}));
}

void FuzzSchemaMessage(absl::string_view data) {
  if (data.empty()) return;
  const size_t which = static_cast<uint8_t>(data[0]) % std::size(kSchemaTypes);
  const auto& type = protocol::schema::TypeNamed(kSchemaTypes[which]);
  Message message(type);
  if (!message.Parse(data.substr(1)).ok()) return;
  protocol::schema::CheckRules(message);
  const std::string bytes = message.Serialize();
  Message again(type);
  SHOAL_CHECK(again.Parse(bytes).ok());
  SHOAL_CHECK(again.Serialize() == bytes);
}

std::vector<std::string> ValidHttp2Answers() {
  const std::string answer = http2::GrpcAnswer(1, "answer");
  const std::string refusal =
      http2::Headers(1,
                     {{":status", "200"},
                      {"content-type", "application/grpc"},
                      {"grpc-status", "9"},
                      {"grpc-message", "round%20full"},
                      {"grpc-status-details-bin", "CAE"}},
                     /*ends=*/true);
  const std::string busy =
      http2::Headers(1, {{":status", "503"}}, /*ends=*/true);
  std::vector<std::string> inputs;
  for (const std::string& said :
       {answer, refusal, busy, http2::Ping() + answer,
        answer + http2::Goaway(1), http2::RstStream(1, 8),
        http2::Frame(http2::kWindowUpdate, 0, 0, http2::BigEndian(99, 4)) +
            http2::Frame(http2::kSettings, http2::kAck, 0, "") + answer}) {
    for (const int piece : {0, 1, 7}) {
      inputs.push_back(InPieces(piece, http2::Settings() + said));
    }
  }
  return inputs;
}

std::vector<std::string> ValidGrpcMessages() {
  const std::string messages = http2::GrpcMessage("one") +
                               http2::GrpcMessage("") +
                               http2::GrpcMessage(std::string(500, 'x'));
  return {InPieces(0, messages), InPieces(1, messages), InPieces(9, messages)};
}

std::vector<std::string> ValidSchemaMessages(
    const std::vector<Message>& messages) {
  std::vector<std::string> inputs;
  for (const Message& message : messages) {
    const auto* const type =
        std::find(std::begin(kSchemaTypes), std::end(kSchemaTypes),
                  message.type().name());
    SHOAL_CHECK(type != std::end(kSchemaTypes));
    inputs.push_back(InPieces(static_cast<int>(type - std::begin(kSchemaTypes)),
                              message.Serialize()));
  }
  return inputs;
}

}  // namespace shoal::testing
