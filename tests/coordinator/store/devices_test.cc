#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/round_store.h"
#include "gmock/gmock.h"
#include "tests/coordinator/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kAlreadyExists = absl::StatusCode::kAlreadyExists;
constexpr auto kInvalidArgument = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;

DeviceRow MakeDevice(std::string id, std::string name) {
  DeviceRow row;
  row.id = std::move(id);
  row.name = std::move(name);
  row.population = "writers";
  row.enrolled = Now();
  row.certificate_expires = Now() + absl::Hours(24 * 365);
  return row;
}

DeviceSighting SightingOf(std::string id, absl::Time seen) {
  return {std::move(id), "pi", "writers", seen, "0.1.0", 600};
}

// --- devices -----------------------------------------------------------------

TEST_P(StoreTest, DeviceComesBackWithEveryField) {
  DeviceRow device = MakeDevice(DeviceId(1), "pi");
  device.last_seen = Now() + absl::Microseconds(5);
  device.sdk_version = "0.1.0";
  device.num_examples = 600;
  SHOAL_ASSERT_OK(store().UpsertDevice(device));
  EXPECT_EQ(Text(*store().GetDevice(DeviceId(1))), Text(device));
}

TEST_P(StoreTest, EnrollingAgainReplacesNameAndExpiryOnly) {
  DeviceRow device = MakeDevice(DeviceId(1), "pi");
  SHOAL_ASSERT_OK(store().UpsertDevice(device));
  SHOAL_ASSERT_OK(store().TouchDevice(SightingOf(DeviceId(1), Now())));
  DeviceRow again = MakeDevice(DeviceId(1), "pi in the attic");
  again.enrolled = Now() + absl::Hours(1);
  again.certificate_expires = absl::InfiniteFuture();
  again.population = "others";

  SHOAL_ASSERT_OK(store().UpsertDevice(again));

  device.name = "pi in the attic";
  device.certificate_expires = absl::InfiniteFuture();
  device.last_seen = Now();
  device.sdk_version = "0.1.0";
  device.num_examples = 600;
  EXPECT_EQ(Text(*store().GetDevice(DeviceId(1))), Text(device));
}

TEST_P(StoreTest, SightingOfAnUnknownDeviceInsertsIt) {
  SHOAL_ASSERT_OK(store().TouchDevice(SightingOf(DeviceId(1), Now())));

  SHOAL_ASSERT_OK_AND_ASSIGN(const DeviceRow device,
                             store().GetDevice(DeviceId(1)));

  EXPECT_EQ(device.name, "pi");
  EXPECT_EQ(device.last_seen, Now());
  EXPECT_EQ(device.enrolled, absl::InfinitePast());
}

TEST_P(StoreTest, EveryReadSeesTheNewestSighting) {
  const absl::Time later = Now() + absl::Minutes(1);
  const auto touch = [&](absl::Time seen) {
    SHOAL_ASSERT_OK(store().TouchDevice(SightingOf(DeviceId(1), seen)));
  };
  touch(Now());
  EXPECT_THAT(store().CountDevices(Now()), IsOkAndHolds(1));
  touch(later);
  EXPECT_THAT(store().CountDevices(later), IsOkAndHolds(1));
  touch(later + absl::Seconds(1));
  EXPECT_EQ(store().FindDevice("pi")->last_seen, later + absl::Seconds(1));
  touch(later + absl::Seconds(2));
  EXPECT_EQ(store().ListDevices(1, "")->front().last_seen,
            later + absl::Seconds(2));
}

TEST_P(OpenStoreTest, ManySightingsAreAllKept) {
  for (int i = 0; i < 1000; ++i) {
    SHOAL_ASSERT_OK(store().TouchDevice(SightingOf(DeviceId(i), Now())));
  }
  EXPECT_THAT(store().CountDevices(absl::InfinitePast()), IsOkAndHolds(1000));
}

TEST_P(StoreTest, DevicesAreCountedFromATimeOn) {
  SHOAL_ASSERT_OK(store().UpsertDevice(MakeDevice(DeviceId(1), "never seen")));
  SHOAL_ASSERT_OK(store().TouchDevice(SightingOf(DeviceId(2), Now())));

  EXPECT_THAT(store().CountDevices(absl::InfinitePast()), IsOkAndHolds(2));
  EXPECT_THAT(store().CountDevices(Now()), IsOkAndHolds(1));
  EXPECT_THAT(store().CountDevices(Now() + absl::Microseconds(1)),
              IsOkAndHolds(0));
}

TEST_P(StoreTest, DevicesAreListedByIdInPages) {
  for (int i : {3, 1, 2}) {
    SHOAL_ASSERT_OK(store().UpsertDevice(MakeDevice(DeviceId(i), "")));
  }
  const auto list = [&](int limit, const std::string& after) {
    std::vector<std::string> ids;
    for (const DeviceRow& row : Require(store().ListDevices(limit, after))) {
      ids.push_back(row.id);
    }
    return ids;
  };
  EXPECT_THAT(list(2, ""), ElementsAre(DeviceId(1), DeviceId(2)));
  EXPECT_THAT(list(2, DeviceId(2)), ElementsAre(DeviceId(3)));
  EXPECT_THAT(list(2, DeviceId(3)), IsEmpty());
  EXPECT_THAT(list(-1, ""), IsEmpty());
}

TEST_P(StoreTest, DeviceIsFoundByIdPrefixOrName) {
  SHOAL_ASSERT_OK(store().UpsertDevice(MakeDevice("aa11", "attic")));
  SHOAL_ASSERT_OK(store().UpsertDevice(MakeDevice("aa22", "cellar")));
  SHOAL_ASSERT_OK(store().UpsertDevice(MakeDevice("bb", "twin")));
  SHOAL_ASSERT_OK(store().UpsertDevice(MakeDevice("bbb", "twin")));
  SHOAL_ASSERT_OK(store().UpsertDevice(MakeDevice("cc", "aa11")));
  SHOAL_ASSERT_OK(store().UpsertDevice(MakeDevice("dd", "b")));
  const auto find = [&](const std::string& text) {
    const absl::StatusOr<DeviceRow> device = store().FindDevice(text);
    return device.ok() ? device->id
                       : absl::StatusCodeToString(device.status().code());
  };

  EXPECT_EQ(find("aa1"), "aa11");
  EXPECT_EQ(find("attic"), "aa11");
  EXPECT_EQ(find("aa11"), "aa11") << "an id goes before a name";
  EXPECT_EQ(find("bb"), "bb") << "an id goes before a longer one";
  EXPECT_EQ(find("aa"), "INVALID_ARGUMENT") << "two ids start with it";
  EXPECT_EQ(find("twin"), "INVALID_ARGUMENT") << "two have the name";
  EXPECT_EQ(find("b"), "INVALID_ARGUMENT") << "prefix of two, name of a third";
  EXPECT_EQ(find(""), "INVALID_ARGUMENT");
  EXPECT_EQ(find("atti"), "NOT_FOUND") << "names are not abbreviated";
  EXPECT_EQ(find("aa%"), "NOT_FOUND");
  EXPECT_EQ(find("aa111"), "NOT_FOUND");
  EXPECT_THAT(store().FindDevice("aa"),
              StatusIs(kInvalidArgument, HasSubstr("aa11 or")));
  EXPECT_THAT(store().GetDevice("aa1"), StatusIs(kNotFound));
}

// --- participation -----------------------------------------------------------

TEST_P(StoreTest, NobodyHasParticipatedAtFirst) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const Participation none,
      store().GetParticipation("writers", "digits", DeviceId(1)));
  EXPECT_EQ(none.committed_rounds, 0);
  EXPECT_FALSE(none.last_contribution.has_value());
}

TEST_P(StoreTest, ParticipationCountsCommittedRoundsOfThePopulation) {
  driver_.CreateTask("digits");
  driver_.CreateTask("letters");                      // same population
  driver_.RoundIn(RoundState::kCommitted, "digits");  // with device 1
  driver_.RoundIn(RoundState::kFailed, "digits");
  RoundRow round = driver_.RoundIn(RoundState::kCollecting, "letters");
  const Lease lease = driver_.TakeLease("letters");
  driver_.Commit(round.id, {2});
  SHOAL_ASSERT_OK(store().SealRound(lease, round.id, 1, std::nullopt, Now()));
  SHOAL_ASSERT_OK(store().RevealRound(lease, round.id, Now()));
  SHOAL_ASSERT_OK(
      store().CommitRound(lease, MakeResult(round, "m"), "m", Now()));

  const auto last = [&](const std::string& population, int device) {
    const Participation row =
        *store().GetParticipation(population, "digits", DeviceId(device));
    return std::make_pair(row.committed_rounds, row.last_contribution);
  };
  using Pair = std::pair<int64_t, std::optional<int64_t>>;
  EXPECT_EQ(last("writers", 1), Pair(2, 1));
  EXPECT_EQ(last("writers", 2), Pair(2, 2));
  EXPECT_EQ(last("writers", 3), Pair(2, std::nullopt));
  EXPECT_EQ(last("others", 1), Pair(0, std::nullopt));
}

TEST_P(StoreTest, ContributionsOfADeviceAreCountedInCommittedRounds) {
  driver_.CreateTask("digits");
  driver_.RoundIn(RoundState::kCommitted, "digits");
  driver_.RoundIn(RoundState::kCommitted, "digits");
  driver_.RoundIn(RoundState::kRevealed, "digits");
  EXPECT_EQ(store().GetDevice(DeviceId(1))->contributions, 2);
}

// --- invitations -------------------------------------------------------------

InvitationRow MakeInvitation(std::optional<int64_t> uses) {
  return {Sha256("token"), uses, Now() + absl::Hours(1), "for the attic",
          Now()};
}

TEST_P(StoreTest, OneTimeInvitationIsUsedOnce) {
  SHOAL_ASSERT_OK(store().CreateInvitation(MakeInvitation(1)));
  EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(1), Now()),
              IsOk());
  EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(2), Now()),
              StatusIs(kNotFound));
}

TEST_P(StoreTest, DeviceThatRepeatsItsUseTakesNoOther) {
  SHOAL_ASSERT_OK(store().CreateInvitation(MakeInvitation(2)));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(1), Now()),
                IsOk());
  }
  EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(2), Now()),
              IsOk());
  EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(3), Now()),
              StatusIs(kNotFound));
  EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(1),
                                    Now() + absl::Hours(1)),
              StatusIs(kNotFound));
}

TEST_P(StoreTest, LimitedInvitationIsUsedThatOften) {
  SHOAL_ASSERT_OK(store().CreateInvitation(MakeInvitation(3)));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(i), Now()),
                IsOk());
  }
  EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(3), Now()),
              StatusIs(kNotFound));
}

TEST_P(StoreTest, UnlimitedInvitationIsUsedUntilItExpires) {
  SHOAL_ASSERT_OK(store().CreateInvitation(MakeInvitation(std::nullopt)));
  const absl::Time end = Now() + absl::Hours(1);
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(i),
                                      end - absl::Microseconds(1)),
                IsOk());
  }
  EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(9), end),
              StatusIs(kNotFound));
}

TEST_P(StoreTest, ExpiredAttemptTakesNoUse) {
  SHOAL_ASSERT_OK(store().CreateInvitation(MakeInvitation(1)));
  EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(1),
                                    Now() + absl::Hours(2)),
              StatusIs(kNotFound));
  EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(1), Now()),
              IsOk());
}

TEST_P(StoreTest, InvitationThatNeverExpiresDoesNot) {
  InvitationRow row = MakeInvitation(1);
  row.expires = absl::InfiniteFuture();
  SHOAL_ASSERT_OK(store().CreateInvitation(row));
  EXPECT_THAT(store().UseInvitation(Sha256("token"), DeviceId(1),
                                    Now() + absl::Hours(1'000'000)),
              IsOk());
}

TEST_P(StoreTest, UnknownInvitationIsNotFound) {
  SHOAL_ASSERT_OK(store().CreateInvitation(MakeInvitation(1)));
  EXPECT_THAT(store().UseInvitation(Sha256("other"), DeviceId(1), Now()),
              StatusIs(kNotFound));
}

TEST_P(StoreTest, InvitationsAreUniqueAndForAtLeastOneUse) {
  EXPECT_THAT(store().CreateInvitation(MakeInvitation(0)),
              StatusIs(kInvalidArgument));
  SHOAL_ASSERT_OK(store().CreateInvitation(MakeInvitation(1)));
  EXPECT_THAT(store().CreateInvitation(MakeInvitation(std::nullopt)),
              StatusIs(kAlreadyExists));
}

// --- token keys --------------------------------------------------------------

TokenKeyRow MakeKey(int64_t id) {
  return {id, Secret(absl::StrCat("key\n", id)), Now() + absl::Seconds(id)};
}

TEST_P(StoreTest, TokenKeysAreListedOldestFirst) {
  SHOAL_ASSERT_OK(store().AddTokenKey(MakeKey(2)));
  SHOAL_ASSERT_OK(store().AddTokenKey(MakeKey(1)));

  SHOAL_ASSERT_OK_AND_ASSIGN(const std::vector<TokenKeyRow> keys,
                             store().ListTokenKeys());

  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].id, 1);
  EXPECT_EQ(keys[0].key.Reveal(), "key\n1");
  EXPECT_EQ(keys[0].created, Now() + absl::Seconds(1));
  EXPECT_EQ(keys[1].id, 2);
}

TEST_P(StoreTest, TokenKeyIsNeverReplaced) {
  SHOAL_ASSERT_OK(store().AddTokenKey(MakeKey(1)));
  TokenKeyRow other = MakeKey(1);
  other.key = Secret("other");
  EXPECT_THAT(store().AddTokenKey(other), StatusIs(kAlreadyExists));
  EXPECT_EQ(store().ListTokenKeys()->front().key.Reveal(), "key\n1");
}

TEST_P(StoreTest, OldTokenKeysAreDeleted) {
  for (int id : {1, 2, 3}) SHOAL_ASSERT_OK(store().AddTokenKey(MakeKey(id)));
  SHOAL_ASSERT_OK(store().DeleteTokenKeysBefore(3));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::vector<TokenKeyRow> keys,
                             store().ListTokenKeys());
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].id, 3);
}

}  // namespace
}  // namespace shoal::coordinator
