// One admitted device that uploads, for the tests of uploads.
#ifndef SHOAL_TESTS_COORDINATOR_ENGINE_UPLOAD_DESK_FIXTURE_H_
#define SHOAL_TESTS_COORDINATOR_ENGINE_UPLOAD_DESK_FIXTURE_H_

#include <memory>
#include <string>

#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {

// Device 1 of a round is admitted.
class UploadDeskTest : public EngineTest {
 protected:
  UploadDeskTest() {
    CreateTask();
    token_ = Assign(1).token;
  }
  // Sends `update` and returns what Finish() says.
  absl::Status FinishOf(const std::string& update) {
    UploadStart start = Require(Begin(1, token_, update));
    SHOAL_EXPECT_OK(SendRest(*start.stream, update));
    return Finish(*start.stream, std::make_shared<Outcome>());
  }
  absl::StatusOr<UploadStart> BeginClaiming(int64_t num_bytes) {
    protocol::UploadHeader header;
    header.token = token_;
    header.digest = Sha256("x");
    header.num_bytes = num_bytes;
    return engine().BeginUpload(Device(1), header, now_);
  }
  absl::Status AppendTo(UploadStream& stream, const std::string& data) {
    return stream.Append(stream.offset(), data, Crc32(data));
  }

  std::string token_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_TESTS_COORDINATOR_ENGINE_UPLOAD_DESK_FIXTURE_H_
