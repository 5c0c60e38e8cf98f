// HTTP/2 frames by hand (RFC 9113, RFC 7541), right and wrong ones: what
// scripted peers say.
#ifndef SHOAL_TESTS_SUPPORT_HTTP2_FRAMES_H_
#define SHOAL_TESTS_SUPPORT_HTTP2_FRAMES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace shoal::testing::http2 {

enum Type : uint8_t {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
enum Flag : uint8_t { kEndStream = 1, kAck = 1, kEndHeaders = 4 };

// What a client says first.
inline constexpr absl::string_view kPreface =
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr size_t kFrameHeaderBytes = 9;

inline std::string BigEndian(uint64_t number, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) {
    text.push_back(static_cast<char>(number >> (8 * i)));
  }
  return text;
}

// The nine bytes before a payload, which may be of another length.
inline std::string FrameHeader(size_t length, uint8_t type, uint8_t flags,
                               uint32_t stream) {
  return absl::StrCat(BigEndian(length, 3), BigEndian(type, 1),
                      BigEndian(flags, 1), BigEndian(stream, 4));
}
inline std::string Frame(uint8_t type, uint8_t flags, uint32_t stream,
                         absl::string_view payload) {
  return absl::StrCat(FrameHeader(payload.size(), type, flags, stream),
                      payload);
}

inline std::string Settings() { return Frame(kSettings, 0, 0, ""); }
inline std::string Ping() { return Frame(kPing, 0, 0, "12345678"); }
inline std::string Data(uint32_t stream, absl::string_view bytes,
                        uint8_t flags = 0) {
  return Frame(kData, flags, stream, bytes);
}
inline std::string RstStream(uint32_t stream, uint32_t error) {
  return Frame(kRstStream, 0, stream, BigEndian(error, 4));
}
inline std::string Goaway(uint32_t last_stream, uint32_t error = 0) {
  return Frame(kGoaway, 0, 0,
               absl::StrCat(BigEndian(last_stream, 4), BigEndian(error, 4)));
}

// A length of HPACK with a prefix of seven bits, not Huffman-coded.
inline std::string HpackText(absl::string_view text) {
  std::string encoded;
  size_t length = text.size();
  if (length < 127) {
    encoded.push_back(static_cast<char>(length));
  } else {
    encoded.push_back(127);
    for (length -= 127; length >= 128; length >>= 7) {
      encoded.push_back(static_cast<char>(length | 128));
    }
    encoded.push_back(static_cast<char>(length));
  }
  return absl::StrCat(encoded, text);
}

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// Literal fields that no table remembers.
inline std::string HeaderBlock(const HeaderList& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&block, "\x10", HpackText(name), HpackText(value));
  }
  return block;
}
inline std::string Headers(uint32_t stream, const HeaderList& fields,
                           bool ends = false) {
  return Frame(kHeaders, kEndHeaders | (ends ? kEndStream : 0), stream,
               HeaderBlock(fields));
}

// gRPC's answers.
inline HeaderList GrpcHeader() {
  return {{":status", "200"}, {"content-type", "application/grpc"}};
}
inline std::string GrpcMessage(absl::string_view message) {
  return absl::StrCat(BigEndian(0, 1), BigEndian(message.size(), 4), message);
}
inline std::string GrpcTrailer(uint32_t stream, int status,
                               HeaderList more = {}) {
  HeaderList fields = {{"grpc-status", absl::StrCat(status)}};
  fields.insert(fields.end(), more.begin(), more.end());
  return Headers(stream, fields, /*ends=*/true);
}
// A whole answer of one message.
inline std::string GrpcAnswer(uint32_t stream, absl::string_view message) {
  return absl::StrCat(Headers(stream, GrpcHeader()),
                      Data(stream, GrpcMessage(message)),
                      GrpcTrailer(stream, 0));
}

}  // namespace shoal::testing::http2

#endif  // SHOAL_TESTS_SUPPORT_HTTP2_FRAMES_H_
