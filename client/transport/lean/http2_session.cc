#include "client/transport/lean/http2_session.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::client::lean {
namespace {

// What the size of a header counts per field, beside name and value.
constexpr size_t kFieldOverhead = 32;
// Answers to a peer's pings and settings that wait for being sent.
constexpr size_t kMaxWaitingAnswers = 64;

absl::string_view View(const uint8_t* data, size_t size) {
  return absl::string_view(reinterpret_cast<const char*>(data), size);
}

uint8_t* Bytes(const std::string& text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

Http2Stream* StreamOf(nghttp2_session* session, int32_t id) {
  return static_cast<Http2Stream*>(
      nghttp2_session_get_stream_user_data(session, id));
}

absl::Status BrokenRules(absl::string_view what) {
  return absl::UnavailableError(
      absl::StrCat("the peer broke the rules of HTTP/2: ", what));
}

struct OptionFreer {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
struct CallbacksFreer {
  void operator()(nghttp2_session_callbacks* callbacks) const {
    nghttp2_session_callbacks_del(callbacks);
  }
};

}  // namespace

// nghttp2's callbacks; `self` is the session.
struct Http2Session::Callbacks {
  static Http2Session& Self(void* self) {
    return *static_cast<Http2Session*>(self);
  }

  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame*,
                            void* self) {
    Self(self).header_bytes_ = 0;
    return 0;
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                      const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t,
                      void* self) {
    size_t& bytes = Self(self).header_bytes_;
    bytes += name_size + value_size + kFieldOverhead;
    if (bytes > kMaxHeaderBytes) {
      Self(self).broken_ = BrokenRules(
          absl::StrCat("a header of more than ", kMaxHeaderBytes, " bytes"));
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (Http2Stream* stream = StreamOf(session, frame->hd.stream_id)) {
      stream->OnHeader(View(name, name_size), View(value, value_size));
    }
    return 0;
  }

  static int OnData(nghttp2_session* session, uint8_t, int32_t id,
                    const uint8_t* data, size_t size, void*) {
    if (Http2Stream* stream = StreamOf(session, id)) {
      stream->OnData(View(data, size));
    }
    return 0;
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame,
                     void*) {
    const bool may_end =
        frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (!may_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    if (Http2Stream* stream = StreamOf(session, frame->hd.stream_id)) {
      stream->OnEnd();
    }
    return 0;
  }

  static int OnClosed(nghttp2_session* session, int32_t id, uint32_t error,
                      void*) {
    if (Http2Stream* stream = StreamOf(session, id)) stream->OnClosed(error);
    return 0;
  }

  // nghttp2 answers what it cannot accept with a GOAWAY that says why.
  static int OnSent(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    if (frame->hd.type == NGHTTP2_GOAWAY &&
        frame->goaway.error_code != NGHTTP2_NO_ERROR) {
      Self(self).broken_ =
          BrokenRules(nghttp2_http2_strerror(frame->goaway.error_code));
    }
    return 0;
  }

  static ssize_t ReadBody(nghttp2_session* session, int32_t id, uint8_t* out,
                          size_t size, uint32_t* flags, nghttp2_data_source*,
                          void*) {
    Http2Stream* stream = StreamOf(session, id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    bool is_last = false;
    const size_t written = stream->ReadBody(
        absl::MakeSpan(reinterpret_cast<char*>(out), size), is_last);
    if (is_last) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (written == 0 && !is_last) return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(written);
  }

  static void* Malloc(size_t size, void* memory) {
    return static_cast<CappedMemory*>(memory)->Allocate(size);
  }
  static void Free(void* block, void* memory) {
    static_cast<CappedMemory*>(memory)->Free(block);
  }
  static void* Calloc(size_t count, size_t size, void* memory) {
    return static_cast<CappedMemory*>(memory)->AllocateZeroed(count, size);
  }
  static void* Realloc(void* block, size_t size, void* memory) {
    return static_cast<CappedMemory*>(memory)->Resize(block, size);
  }
};

Http2Session::Http2Session()
    : allocator_{&memory_, Callbacks::Malloc, Callbacks::Free,
                 Callbacks::Calloc, Callbacks::Realloc} {
  nghttp2_session_callbacks* made = nullptr;
  SHOAL_CHECK(nghttp2_session_callbacks_new(&made) == 0);
  const std::unique_ptr<nghttp2_session_callbacks, CallbacksFreer> owner(made);
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      made, Callbacks::OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(made, Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made,
                                                            Callbacks::OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(made,
                                                       Callbacks::OnFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(made,
                                                         Callbacks::OnClosed);
  nghttp2_session_callbacks_set_on_frame_send_callback(made, Callbacks::OnSent);
  nghttp2_option* option = nullptr;
  SHOAL_CHECK(nghttp2_option_new(&option) == 0);
  const std::unique_ptr<nghttp2_option, OptionFreer> option_owner(option);
  nghttp2_option_set_max_outbound_ack(option, kMaxWaitingAnswers);
  nghttp2_option_set_max_reserved_remote_streams(option, 0);
  nghttp2_option_set_no_closed_streams(option, 1);
  SHOAL_CHECK(nghttp2_session_client_new3(&session_, made, this, option,
                                          &allocator_) == 0);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxHeaderBytes}};
  SHOAL_CHECK(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings,
                                      std::size(settings)) == 0);
  SHOAL_CHECK(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE,
                                                    0, kWindowBytes) == 0);
}

Http2Session::~Http2Session() { nghttp2_session_del(session_); }

absl::Status Http2Session::Failed(int error) {
  if (!broken_.ok()) return broken_;
  if (error == NGHTTP2_ERR_NOMEM) {
    return broken_ = BrokenRules(absl::StrCat("it made us hold more than ",
                                              kMaxMemoryBytes, " bytes"));
  }
  return broken_ = BrokenRules(nghttp2_strerror(error));
}

absl::Status Http2Session::Receive(absl::string_view bytes) {
  if (!broken_.ok()) return broken_;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) return Failed(static_cast<int>(taken));
  return broken_;
}

absl::StatusOr<absl::string_view> Http2Session::Output() {
  if (!broken_.ok()) return broken_;
  if (!output_.empty()) return output_;
  const uint8_t* data = nullptr;
  const ssize_t size = nghttp2_session_mem_send(session_, &data);
  if (size < 0) return Failed(static_cast<int>(size));
  if (!broken_.ok()) return broken_;
  output_ = View(data, static_cast<size_t>(size));
  return output_;
}

absl::StatusOr<int32_t> Http2Session::Request(const Http2Headers& headers,
                                              Http2Stream& stream) {
  std::vector<nghttp2_nv> fields;
  fields.reserve(headers.size());
  for (const auto& [name, value] : headers) {
    fields.push_back({Bytes(name), Bytes(value), name.size(), value.size(),
                      NGHTTP2_NV_FLAG_NONE});
  }
  nghttp2_data_provider body;
  body.source.ptr = nullptr;  // the stream is found by its number
  body.read_callback = Callbacks::ReadBody;
  const int32_t id = nghttp2_submit_request(session_, nullptr, fields.data(),
                                            fields.size(), &body, &stream);
  if (id < 0) return Failed(id);
  return id;
}

void Http2Session::Resume(int32_t stream) {
  // Fails where the stream waits for nothing: then there is nothing to do.
  nghttp2_session_resume_data(session_, stream);
}

void Http2Session::Reset(int32_t stream) {
  // Both fail for a stream that is gone already.
  nghttp2_session_set_stream_user_data(session_, stream, nullptr);
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream,
                            NGHTTP2_CANCEL);
}

void Http2Session::Ping() {
  // Fails only without memory: then the next call does, too, and says so.
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

bool Http2Session::accepts_requests() const {
  return broken_.ok() && nghttp2_session_check_request_allowed(session_) != 0 &&
         nghttp2_session_want_read(session_) != 0;
}

}  // namespace shoal::client::lean
