// Masked uploads that break the protocol of secure aggregation.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/engine/round_groups_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing::StoreFault;

class UploadFaultsTest : public RoundGroupsFixture {
 protected:
  void SetUp() override {
    Begin(SecureTask(8));
    Train(8);
  }
  // Until they have something to upload.
  void MaskAll() {
    while (devices_[0]->upload().empty()) Upload(AllBut(8, {}));
  }
  // They send what they have.
  void Upload(const std::vector<int>& devices) {
    for (const int i : devices) devices_[i]->Act(engine(), now_);
    Advance();
  }
};

// --- before they are durable -------------------------------------------------

struct Write {
  const char* method;          // that fails
  std::vector<int> uploading;  // at once
  StoreFault fault;
};

class UndurableUploadFaultsTest : public UploadFaultsTest,
                                  public ::testing::WithParamInterface<Write> {
};

TEST_P(UndurableUploadFaultsTest, NobodyIsTold) {
  devices_[3]->ChangeMessages([](GroupStep step, std::string message) {
    return step == GroupStep::kMask ? "" : message;
  });
  MaskAll();
  store_.SetError(absl::UnavailableError("for a moment"));
  store_.SetFaults([](absl::string_view method) {
    return method == GetParam().method ? GetParam().fault : StoreFault::kNone;
  });
  Upload(GetParam().uploading);
  EXPECT_TRUE(devices_[3]->refusal().ok()) << devices_[3]->refusal();
  EXPECT_EQ(devices_[3]->num_afresh(), 0);
  if (GetParam().fault == StoreFault::kBefore) {
    EXPECT_THAT(Faults(), IsEmpty());
  }
  store_.SetFaults(nullptr);
  RunToEnd();
  EXPECT_THAT(devices_[3]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  EXPECT_THAT(Faults(), ElementsAre(StartsWith("3: in group ")));
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  ExpectMeanOf(AllBut(8, {3}));
}

INSTANTIATE_TEST_SUITE_P(
    Writes, UndurableUploadFaultsTest,
    ::testing::Values(Write{"AppendGroupRows", {3}, StoreFault::kBefore},
                      Write{"AppendGroupRows", {3}, StoreFault::kAfter},
                      Write{"CommitSegment", {2, 3, 4}, StoreFault::kBefore},
                      Write{"CommitSegment", {2, 3, 4}, StoreFault::kAfter}),
    [](const auto& info) {
      return absl::StrCat(
          info.param.method,
          info.param.fault == StoreFault::kBefore ? "Before" : "After");
    });

}  // namespace
}  // namespace shoal::coordinator
