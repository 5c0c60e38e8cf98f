#include "privacy/secure_aggregation/messages.h"

#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/wire_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/secure_aggregation/message_sizes.h"
#include "privacy/secure_aggregation/parameters.h"
#include "privacy/secure_aggregation/share_seal.h"
#include "tests/privacy/secure_aggregation/example_messages.h"
#include "tests/support/status_matchers.h"

namespace shoal::secure_aggregation {
namespace {

using ::shoal::testing::ExampleAdvertise;
using ::shoal::testing::ExampleCoordinatorMessages;
using ::shoal::testing::ExampleDeviceMessages;
using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

// What comes of example number `kind` when it is changed.
template <typename Message, typename Function>
absl::Status DecodeChanged(size_t kind, Function change) {
  if constexpr (std::is_constructible_v<DeviceMessage, Message>) {
    DeviceMessage message = ExampleDeviceMessages()[kind];
    change(std::get<Message>(message));
    return DecodeDeviceMessage(Encode(message)).status();
  } else {
    CoordinatorMessage message = ExampleCoordinatorMessages()[kind];
    change(std::get<Message>(message));
    return DecodeCoordinatorMessage(Encode(message)).status();
  }
}

::testing::Matcher<absl::Status> Refused(const std::string& why) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why));
}

TEST(MessagesTest, EveryMessageComesBack) {
  for (const DeviceMessage& message : ExampleDeviceMessages()) {
    const auto decoded = DecodeDeviceMessage(Encode(message));
    SHOAL_ASSERT_OK(decoded);
    EXPECT_TRUE(*decoded == message) << message.index();
  }
  for (const CoordinatorMessage& message : ExampleCoordinatorMessages()) {
    const auto decoded = DecodeCoordinatorMessage(Encode(message));
    SHOAL_ASSERT_OK(decoded);
    EXPECT_TRUE(*decoded == message) << message.index();
  }
}

// As it is told before a session.
TEST(MessagesTest, NoMessageIsLongerThanItsNeighboursMakeIt) {
  constexpr int kNeighbors = 300;
  Shares shares;
  shares.signature = std::string(kMaxSignatureBytes, 's');
  GroupKeys keys;
  keys.num_members = kMaxGroupSize;
  keys.num_neighbors = kNeighbors;
  for (int i = kMaxGroupSize - kNeighbors; i < kMaxGroupSize; ++i) {
    HolderShares& holder = shares.holders.emplace_back();
    holder.holder = i;
    holder.sealed = std::string(kSealedBytes, 's');
    keys.members.push_back({i, "", {}});
  }
  keys.members.push_back(keys.members.back());
  const auto is_bound = [](int64_t bound, const std::string& bytes) {
    EXPECT_LE(std::ssize(bytes), bound);
    EXPECT_GE(std::ssize(bytes), 0.95 * static_cast<double>(bound));
  };
  is_bound(MostSharesBytes(kNeighbors), Encode(DeviceMessage(shares)));
  MaskedInput complaining;
  for (const HolderShares& holder : shares.holders) {
    complaining.complaints.push_back(
        {holder.holder, std::string(kKeyBytes, 'k'), Sha256("other")});
  }
  EXPECT_LE(std::ssize(Encode(DeviceMessage(complaining))),
            MostSharesBytes(kNeighbors));
  is_bound(MostGroupKeysBytes(kNeighbors, false),
           Encode(CoordinatorMessage(keys)));
  for (GroupMember& member : keys.members) {
    member.device_id = std::string(64, 'd');
    member.advertise.certificate = std::string(kUsualCertificateBytes, 'c');
    member.advertise.signature = std::string(72, 's');
  }
  is_bound(MostGroupKeysBytes(kNeighbors, true),
           Encode(CoordinatorMessage(keys)));
}

TEST(MessagesTest, NoPrefixIsAMessage) {
  for (const DeviceMessage& message : ExampleDeviceMessages()) {
    const std::string bytes = Encode(message);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_THAT(DecodeDeviceMessage(bytes.substr(0, size)), Not(IsOk()))
          << message.index() << " " << size;
    }
  }
}

TEST(MessagesTest, TwoContentsAreRefused) {
  const std::string twice =
      Encode(ExampleDeviceMessages()[5]) + Encode(ExampleDeviceMessages()[5]);
  EXPECT_THAT(DecodeDeviceMessage(twice).status(),
              Refused("expected one content"));
}

TEST(MessagesTest, FieldsOfLaterVersionsAreSkipped) {
  WireWriter later;
  later.Int(99, 5);
  const std::string bytes =
      Encode(ExampleDeviceMessages()[0]) + std::move(later).Take();
  const auto decoded = DecodeDeviceMessage(bytes);
  SHOAL_ASSERT_OK(decoded);
  EXPECT_TRUE(*decoded == ExampleDeviceMessages()[0]);
}

TEST(MessagesTest, FieldThatIsThereTwiceIsRefused) {
  WireWriter content;
  content.Bytes(1, "one reason");
  content.Bytes(1, "another");
  WireWriter message;
  message.Bytes(6, std::move(content).Take());
  EXPECT_THAT(DecodeDeviceMessage(std::move(message).Take()).status(),
              Refused("field 1: is there twice"));
}

TEST(MessagesTest, FieldOfAnotherTypeIsRefused) {
  WireWriter content;
  content.Int(1, 5);
  WireWriter message;
  message.Bytes(6, std::move(content).Take());
  EXPECT_THAT(DecodeDeviceMessage(std::move(message).Take()).status(),
              Refused("has the wrong type"));
}

TEST(MessagesTest, AdvertiseOfWrongLengths) {
  EXPECT_THAT(DecodeChanged<Advertise>(0,
                                       [](Advertise& a) {
                                         a.certificate = std::string(
                                             kMaxCertificateBytes + 1, 'c');
                                       }),
              Refused("8193 bytes, expected 1 to 8192"));
  EXPECT_THAT(DecodeChanged<Advertise>(0,
                                       [](Advertise& a) {
                                         a.signature = std::string(
                                             kMaxSignatureBytes + 1, 's');
                                       }),
              Refused("513 bytes"));
  EXPECT_THAT(DecodeChanged<Advertise>(
                  0, [](Advertise& a) { a.mask_key.bytes.fill(0xff); }),
              Refused("not below 2^255 - 19"));
}

TEST(MessagesTest, AdvertiseWithoutAKey) {
  WireWriter content;
  content.Bytes(1, ExampleAdvertise().mask_key.AsBytes());
  WireWriter message;
  message.Bytes(1, std::move(content).Take());
  EXPECT_THAT(DecodeDeviceMessage(std::move(message).Take()).status(),
              Refused("field 2 is missing"));
}

TEST(MessagesTest, EntriesAreInAscendingOrder) {
  EXPECT_THAT(DecodeChanged<Shares>(
                  1, [](Shares& s) { std::swap(s.holders[0], s.holders[1]); }),
              Refused("member 0 after 3"));
  EXPECT_THAT(DecodeChanged<MaskedInput>(
                  2, [](MaskedInput& m) { m.complaints[1].dealer = 0; }),
              Refused("member 0 after 0"));
  EXPECT_THAT(DecodeChanged<UnmaskAnswer>(
                  4, [](UnmaskAnswer& a) { a.shares[1].dealer = 0; }),
              Refused("ascending"));
  EXPECT_THAT(
      DecodeChanged<GroupKeys>(0, [](GroupKeys& k) { k.members[1].index = 0; }),
      Refused("ascending"));
  EXPECT_THAT(DecodeChanged<HeldShares>(
                  1, [](HeldShares& h) { h.dealers[1].dealer = 0; }),
              Refused("ascending"));
  EXPECT_THAT(DecodeChanged<UnmaskRequest>(
                  3, [](UnmaskRequest& r) { r.signatures[1].member = 0; }),
              Refused("ascending"));
}

TEST(MessagesTest, IndicesHaveALimit) {
  EXPECT_THAT(DecodeChanged<Shares>(
                  1, [](Shares& s) { s.holders[1].holder = kMaxGroupSize; }),
              Refused("a number is 1048576, expected at most 1048575"));
  EXPECT_THAT(DecodeChanged<MaskedInput>(
                  2, [](MaskedInput& m) { m.complaints[1].dealer = -1; }),
              Refused("expected at most"));
}

TEST(MessagesTest, SharesOfWrongLengths) {
  EXPECT_THAT(
      DecodeChanged<Shares>(1, [](Shares& s) { s.holders[1].sealed += "x"; }),
      Refused("129 bytes, expected 128"));
  EXPECT_THAT(
      DecodeChanged<Shares>(1, [](Shares& s) { s.holders[1].sealed.clear(); }),
      IsOk());  // as of its own
  EXPECT_THAT(DecodeChanged<HeldShares>(
                  1, [](HeldShares& h) { h.dealers[0].sealed.clear(); }),
              Refused("field 2 is missing"));
}

TEST(MessagesTest, PathsOfTreesAreBounded) {
  EXPECT_THAT(DecodeChanged<HeldShares>(1,
                                        [](HeldShares& h) {
                                          h.dealers[1].path.siblings.resize(
                                              kMaxPathLength + 1, Sha256("x"));
                                        }),
              Refused("no path"));
  EXPECT_THAT(DecodeChanged<HeldShares>(
                  1, [](HeldShares& h) { h.dealers[1].path.left = 4; }),
              Refused("no path"));
}

TEST(MessagesTest, RevealedSharesAreOfOneSecretAndInTheField) {
  EXPECT_THAT(DecodeChanged<UnmaskAnswer>(
                  4, [](UnmaskAnswer& a) { a.shares[0].share.pop_back(); }),
              Refused("39 bytes, expected 40"));
  EXPECT_THAT(DecodeChanged<UnmaskAnswer>(
                  4, [](UnmaskAnswer& a) { a.shares[0].salt += "x"; }),
              Refused("17 bytes, expected 16"));
  EXPECT_THAT(DecodeChanged<UnmaskAnswer>(4,
                                          [](UnmaskAnswer& a) {
                                            a.shares[0].share.assign(
                                                kShareBytes, '\xff');
                                          }),
              Refused("not in the field"));
  // Both secrets at once, or none.
  for (const bool both : {true, false}) {
    WireWriter share;
    if (both) {
      share.Bytes(2, std::string(kShareBytes, '\x01'));
      share.Bytes(3, std::string(kShareBytes, '\x01'));
    }
    share.Bytes(4, std::string(kSaltBytes, 'l'));
    WireWriter content;
    content.Bytes(1, std::move(share).Take());
    WireWriter message;
    message.Bytes(5, std::move(content).Take());
    EXPECT_THAT(DecodeDeviceMessage(std::move(message).Take()).status(),
                Refused("a share of one secret"));
  }
}

TEST(MessagesTest, ReasonsAreShortText) {
  EXPECT_THAT(
      DecodeChanged<Abort>(
          5,
          [](Abort& a) { a.reason = std::string(kMaxReasonBytes + 1, 'x'); }),
      Refused("1001 bytes"));
  EXPECT_THAT(DecodeChanged<Abort>(5, [](Abort& a) { a.reason = "\xff\xfe"; }),
              Refused("no text"));
}

TEST(PackMembersTest, OneBitPerMember) {
  const std::vector<bool> members = {true,  false, false, true, false,
                                     false, false, true,  true};
  EXPECT_EQ(PackMembers(members), "\x89\x01");
  EXPECT_THAT(UnpackMembers("\x89\x01", 9), IsOkAndHolds(members));
}

TEST(PackMembersTest, RefusesSetsOfOtherGroups) {
  EXPECT_THAT(UnpackMembers("\x89", 9).status(),
              Refused("of 1 bytes, expected 2"));
  EXPECT_THAT(UnpackMembers("\x89\x02", 9).status(),
              Refused("a set with member 9 of 9"));
}

}  // namespace
}  // namespace shoal::secure_aggregation
