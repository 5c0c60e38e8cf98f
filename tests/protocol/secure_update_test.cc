#include "protocol/secure_update.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/secure_aggregation/keystream.h"
#include "protocol/codec.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

using secure_aggregation::RingVector;
using secure_aggregation::SessionPlan;
using secure_aggregation::VectorSpec;

constexpr auto kInvalidArgument = absl::StatusCode::kInvalidArgument;

SecureRound ExampleRound() {
  SecureRound round;
  round.task = "digits";
  round.round_id = 7;
  round.base_model = Sha256("model");
  round.settings.min_group = 3;
  round.settings.max_group = 5;
  round.num_values = 3001;
  round.norm_bound = 10;
  round.max_weight = 1000;
  return round;
}

SecureUpdate Make(const SecureRound& round) {
  const auto update = SecureUpdate::Create(round);
  SHOAL_CHECK(update.ok());
  return *update;
}

// What one device has.
struct Trained {
  std::vector<float> values;
  learning::UpdateReport report;
};

std::string RoundingSeed(int device) {
  return std::string(Sha256(absl::StrCat("rounding ", device)).AsBytes());
}

// Normal values with a norm of about 5.
std::vector<Trained> Devices(const SecureRound& round, int num_devices) {
  std::vector<Trained> devices;
  for (int i = 0; i < num_devices; ++i) {
    SeededRng rng(DeriveSeed(3, absl::StrCat(i)));
    Trained& device = devices.emplace_back();
    for (int64_t k = 0; k < round.num_values; ++k) {
      device.values.push_back(static_cast<float>(
          5 * rng.Normal() / std::sqrt(static_cast<double>(round.num_values))));
    }
    device.report.num_examples = 10 * (i + 1);
    device.report.divisor = i + 0.5;
    device.report.base_loss_sum = 0.25 + i;
    device.report.base_num_correct = 3 * i;
  }
  return devices;
}

std::vector<RingVector> Encoded(const SecureUpdate& update,
                                const Trained& device, int number) {
  std::vector<float> values = device.values;
  const std::string seed = RoundingSeed(number);
  auto vectors =
      update.Encode(absl::MakeSpan(values), device.report, {.seed = seed});
  EXPECT_THAT(vectors, IsOk());
  SHOAL_CHECK(vectors.ok());
  return *std::move(vectors);
}

// The sums of a group, by way of what its members upload (with masks that add
// up to nothing because there are none).
std::vector<RingVector> SumOf(const SecureUpdate& update,
                              absl::Span<const Trained> devices,
                              int first = 0) {
  std::vector<RingVector> sums = update.NoSum();
  for (const Trained& device : devices) {
    const std::string bytes = EncodeMaskedUpload(
        Sha256("group"), "message", Encoded(update, device, first++));
    const auto upload = DecodeMaskedUpload(bytes, update.session());
    SHOAL_CHECK(upload.ok());
    SHOAL_EXPECT_OK(AddPacked(upload->vectors, absl::MakeSpan(sums)));
  }
  return sums;
}

std::vector<double> MeanOf(const SecureUpdate& update,
                           absl::Span<const RingVector> total,
                           int64_t num_values) {
  std::vector<double> mean(num_values);
  SHOAL_EXPECT_OK(update.Mean(total, absl::MakeSpan(mean)));
  return mean;
}

// Weighted, before anything is rounded; and of the squares of the weights what
// errors of the mean depend on.
std::vector<double> TrueMean(absl::Span<const Trained> devices, bool uniform) {
  std::vector<double> mean(devices[0].values.size(), 0);
  double weights = 0;
  for (const Trained& device : devices) {
    const double weight = uniform ? 1 : device.report.num_examples;
    weights += weight;
    for (size_t k = 0; k < mean.size(); ++k) {
      mean[k] += weight * device.values[k];
    }
  }
  for (double& value : mean) value /= weights;
  return mean;
}

double SquaredDistance(const std::vector<double>& a,
                       const std::vector<double>& b) {
  double sum = 0;
  for (size_t k = 0; k < a.size(); ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

// --- sums and means ----------------------------------------------------------

// privacy/secure_aggregation/quantiser.h: at most D^2 / 4 sum(w^2) / sum(w)^2
// per coordinate on average, with a step of D. A tenth for chance: seeds are
// fixed.
TEST(SecureUpdateTest, MeanComesBackWithinTheErrorOfTheQuantiser) {
  for (const bool rotation : {false, true}) {
    for (const bool uniform : {false, true}) {
      for (const int bits : {8, 16, 24}) {
        SCOPED_TRACE(absl::StrCat(rotation, uniform, " ", bits));
        SecureRound round = ExampleRound();
        round.settings.rotation = rotation;
        round.settings.bits = bits;
        if (uniform) round.max_weight = 1;
        const SecureUpdate update = Make(round);
        const std::vector<Trained> devices = Devices(round, 5);
        std::vector<RingVector> total = update.NoTotal();
        update.AddGroup(SumOf(update, devices), absl::MakeSpan(total));

        double weights = 0, squares = 0;
        for (const Trained& device : devices) {
          const double w = uniform ? 1 : device.report.num_examples;
          weights += w;
          squares += w * w;
        }
        const double step = update.quantiser().step();
        const double bound = 1.1 * round.num_values * step * step / 4 *
                             squares / (weights * weights);
        const double error =
            SquaredDistance(MeanOf(update, total, round.num_values),
                            TrueMean(devices, uniform));
        EXPECT_LE(error, bound);
        EXPECT_GT(error, bound / 100);  // the values are no multiples of D
      }
    }
  }
}

TEST(SecureUpdateTest, TotalsAreExact) {
  SecureRound round = ExampleRound();
  round.num_values = 4;
  const SecureUpdate update = Make(round);
  const std::vector<Trained> devices = {
      {{3, 4, 0, 0}, {10, 1, 2.5, 3.25, 7}},   // half of the norm bound
      {{0, 0, 0, -2.5}, {20, 1, 1, 0.5, 11}},  // a quarter
      {{30, 40, 0, 0}, {1000, 1, 1, 0, 0}}};   // scaled down to it
  std::vector<RingVector> total = update.NoTotal();
  update.AddGroup(SumOf(update, devices), absl::MakeSpan(total));

  const SecureTotals totals = update.TotalsOf(total);
  SecureTotals expected;
  expected.weight = 1030;
  expected.num_examples = 1030;
  expected.base_num_correct = 18;
  expected.base_loss = absl::int128(15) << 38;   // 3.75
  expected.divisors = absl::int128(1045) << 20;  // 25 + 20 + 1000
  expected.norms = absl::int128(7) << 28;        // 1.75
  EXPECT_EQ(totals, expected);
  EXPECT_DOUBLE_EQ(update.MeanNorm(totals, 3), 17.5 / 3);
}

TEST(SecureUpdateTest, UniformWeightsCountEveryUpdateOnce) {
  SecureRound round = ExampleRound();
  round.num_values = 1;
  round.max_weight = 1;
  const SecureUpdate update = Make(round);
  const std::vector<Trained> devices = {{{1}, {10, 1, 2, 0, 0}},
                                        {{2}, {5000, 1, 1, 0, 0}}};
  std::vector<RingVector> total = update.NoTotal();
  update.AddGroup(SumOf(update, devices), absl::MakeSpan(total));
  const SecureTotals totals = update.TotalsOf(total);
  EXPECT_EQ(totals.weight, 2);
  EXPECT_EQ(totals.num_examples, 5010);
  EXPECT_EQ(totals.divisors, absl::int128(3) << 20);
}

TEST(SecureUpdateTest, UnderNoiseNothingIsToldButTheWeightAndVotes) {
  SecureRound round = ExampleRound();
  round.num_values = 1;
  round.max_weight = 1;
  round.noisy_sums = true;
  // The first is longer than the norm bound of 10; zeros have no vote.
  const std::vector<Trained> devices = {{{-11}, {10, 1, 2, 0, 0}},
                                        {{2}, {5000, 1, 1, 0, 0}},
                                        {{10}, {5000, 1, 1, 0, 0}},
                                        {{0}, {5000, 1, 1, 0, 0}}};
  for (const bool votes : {false, true}) {
    round.clip_votes = votes;
    const SecureUpdate update = Make(round);
    std::vector<RingVector> total = update.NoTotal();
    update.AddGroup(SumOf(update, devices), absl::MakeSpan(total));
    EXPECT_EQ(update.TotalsOf(total),
              (SecureTotals{.weight = 4, .votes = votes ? 1 : 0}));
  }
}

TEST(SecureUpdateTest, LargestTotalsOfManyMembersDoNotWrapAround) {
  SecureRound round = ExampleRound();
  round.num_values = 1;
  round.max_weight = 1'000'000'000;
  const SecureUpdate update = Make(round);
  const Trained most = {{10}, {1'000'000'000, 1, 1e9, 1e300, 1'000'000'000}};
  std::vector<RingVector> total = update.NoTotal();
  for (int i = 0; i < 100; ++i) {
    update.AddGroup(SumOf(update, {most, most, most, most, most}),
                    absl::MakeSpan(total));
  }
  const SecureTotals totals = update.TotalsOf(total);
  EXPECT_EQ(totals.weight, absl::int128(500) * 1'000'000'000);
  // A loss beyond 2^50 counts as 2^50.
  EXPECT_EQ(totals.base_loss, absl::int128(500) << 90);
  EXPECT_EQ(totals.divisors, (absl::int128(500) * 1'000'000'000 * 1'000'000'000)
                                 << 20);
  EXPECT_EQ(MeanOf(update, total, 1)[0], 10);
}

TEST(SecureUpdateTest, GroupsOfDifferentRingsAddUpToTheSumOfAll) {
  SecureRound small = ExampleRound();
  small.settings.max_group = 3;
  SecureRound large = ExampleRound();
  large.settings.max_group = 1000;
  const SecureUpdate narrow = Make(small), wide = Make(large);
  ASSERT_LT(narrow.session().vectors[0].ring_bits,
            wide.session().vectors[0].ring_bits);
  const std::vector<Trained> devices = Devices(small, 8);
  const auto all = absl::MakeConstSpan(devices);

  std::vector<RingVector> total = narrow.NoTotal();
  narrow.AddGroup(SumOf(narrow, all.subspan(0, 3)), absl::MakeSpan(total));
  wide.AddGroup(SumOf(wide, all.subspan(3, 5), 3), absl::MakeSpan(total));
  std::vector<RingVector> whole = wide.NoTotal();
  wide.AddGroup(SumOf(wide, all), absl::MakeSpan(whole));

  EXPECT_EQ(narrow.TotalsOf(total), wide.TotalsOf(whole));
  EXPECT_EQ(MeanOf(narrow, total, small.num_values),
            MeanOf(wide, whole, small.num_values));
}

TEST(SecureUpdateTest, LongUpdatesAreScaledDownOnTheDevice) {
  SecureRound round = ExampleRound();
  round.settings.rotation = false;
  round.num_values = 2;
  const SecureUpdate update = Make(round);
  std::vector<RingVector> total = update.NoTotal();
  update.AddGroup(SumOf(update, {Trained{{3e6, 4e6}, {1, 1, 1, 0, 0}}}),
                  absl::MakeSpan(total));
  const std::vector<double> mean = MeanOf(update, total, 2);
  EXPECT_NEAR(mean[0], 6, update.quantiser().step());
  EXPECT_NEAR(mean[1], 8, update.quantiser().step());
}

TEST(SecureUpdateTest, SameSeedsGiveTheSameVectorsAndOthersDoNot) {
  const SecureRound round = ExampleRound();
  SecureRound next = round;
  ++next.round_id;
  const SecureUpdate update = Make(round);
  const std::vector<Trained> devices = Devices(round, 1);
  const auto bytes = [&](const SecureUpdate& of, int seed) {
    return EncodeMaskedUpload(Sha256("group"), "",
                              Encoded(of, devices[0], seed));
  };
  EXPECT_EQ(bytes(update, 1), bytes(Make(round), 1));
  EXPECT_NE(bytes(update, 1), bytes(update, 2));      // rounding
  EXPECT_NE(bytes(update, 1), bytes(Make(next), 1));  // rotation
}

TEST(SecureUpdateTest, ASumOfNobodyHasNoMean) {
  const SecureUpdate update = Make(ExampleRound());
  std::vector<double> mean(ExampleRound().num_values);
  EXPECT_THAT(update.Mean(update.NoTotal(), absl::MakeSpan(mean)),
              StatusIs(kInvalidArgument));
}

TEST(SecureUpdateTest, UpdatesBeyondWhatTheRoundAllowsAreNotEncoded) {
  SecureRound round = ExampleRound();
  round.num_values = 2;
  const SecureUpdate update = Make(round);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const std::pair<Trained, const char*> wrong[] = {
      {{{0, static_cast<float>(nan)}, {1}}, "finite"},
      {{{static_cast<float>(infinity), 0}, {1}}, "finite"},
      {{{0, 0}, {1001}}, "1001"},
      {{{0, 0}, {0}}, "0 examples"},
      {{{0, 0}, {-1}}, "-1 examples"},
      {{{0, 0}, {1, 1, 0}}, "divisor of 0"},
      {{{0, 0}, {1, 1, nan}}, "divisor of nan"},
      {{{0, 0}, {1000, 1, 1e300}}, "total 4"},
      {{{0, 0}, {1, 1, 1, nan}}, "loss of nan"},
      {{{0, 0}, {1, 1, 1, -1}}, "loss of -1"},
      {{{0, 0}, {1, 1, 1, 0, -1}}, "-1 right predictions"}};
  for (const auto& [device, why] : wrong) {
    std::vector<float> values = device.values;
    EXPECT_THAT(update.Encode(absl::MakeSpan(values), device.report,
                              {.seed = RoundingSeed(0)}),
                StatusIs(kInvalidArgument, HasSubstr(why)));
  }
}

// --- the plan of a session ---------------------------------------------------

TEST(SecureUpdateTest, SessionIsThatOfTheSettings) {
  SecureRound round = ExampleRound();
  round.settings.coordinator = secure_aggregation::CoordinatorTrust::kMalicious;
  round.settings.adversary_fraction = 0.25;
  round.settings.dropout_fraction = 0.125;
  const SessionPlan plan = Make(round).session();
  EXPECT_EQ(plan.round, absl::StrCat("digits/7/", round.base_model.ToHex(), "/",
                                     round.work.ToHex()));
  EXPECT_EQ(plan.coordinator, round.settings.coordinator);
  EXPECT_EQ(plan.adversary_fraction, 0.25);
  EXPECT_EQ(plan.dropout_fraction, 0.125);
  EXPECT_EQ(plan.min_group, 3);
  EXPECT_EQ(plan.max_group, 5);
  ASSERT_EQ(plan.vectors.size(), 2u);
  EXPECT_EQ(plan.vectors[0].length, 3001);
  // 5 members * 1000 * (2^15 - 1) < 2^27.3, and a sign.
  EXPECT_EQ(plan.vectors[0].ring_bits, 29);
  EXPECT_EQ(plan.vectors[1].length, 18);
  EXPECT_EQ(plan.vectors[1].ring_bits, 64);
}

// The assignment as it arrives, against what the coordinator made it of.
TEST(SecureUpdateTest, BothSidesDeriveTheSameSession) {
  for (const bool uniform : {false, true}) {
    SecureRound round = ExampleRound();
    round.settings.adversary_fraction = 0.1 + 0.2;  // not 0.3
    round.max_weight = uniform ? 1 : 5000;
    Assignment assignment;
    assignment.token = "token";
    assignment.task = round.task;
    assignment.round_id = round.round_id;
    assignment.round_number = 8;
    assignment.model = {round.base_model, 100, 7};
    assignment.time_left = absl::Minutes(1);
    assignment.plan.model.architecture = learning::LogisticSpec{4, 3};
    assignment.plan.training.learning_rate = 0.1;
    assignment.plan.norm_bound = round.norm_bound;
    assignment.plan.max_examples = 5000;
    assignment.plan.idle_window = absl::Seconds(30);
    assignment.plan.secure_aggregation = round.settings;
    assignment.plan.uniform_weights = uniform;
    assignment.secure_aggregation_version = kSecureAggregationVersion;
    SHOAL_ASSERT_OK_AND_ASSIGN(const CheckInAnswer arrived,
                               CheckInAnswerFrom(ToSchema(CheckInAnswer{
                                   kProtocolVersion, assignment})));

    round.work = DigestOfWork(assignment.plan, 7, 8);
    const SecureUpdate device = Make(
        SecureRoundOf(std::get<Assignment>(arrived.answer), round.num_values));
    const SecureUpdate coordinator = Make(round);

    const SessionPlan& a = device.session();
    const SessionPlan& b = coordinator.session();
    EXPECT_EQ(a.round, b.round);
    EXPECT_EQ(a.coordinator, b.coordinator);
    EXPECT_EQ(a.adversary_fraction, b.adversary_fraction);
    EXPECT_EQ(a.dropout_fraction, b.dropout_fraction);
    EXPECT_EQ(std::pair(a.min_group, a.max_group),
              std::pair(b.min_group, b.max_group));
    EXPECT_EQ(a.min_survivors, b.min_survivors);
    ASSERT_EQ(a.vectors.size(), b.vectors.size());
    for (size_t i = 0; i < a.vectors.size(); ++i) {
      EXPECT_EQ(a.vectors[i].length, b.vectors[i].length);
      EXPECT_EQ(a.vectors[i].ring_bits, b.vectors[i].ring_bits);
    }
    EXPECT_EQ(device.quantiser().options(), coordinator.quantiser().options());
  }
}

// A coordinator that has all but one of the devices do nothing would see the
// update of that one: they must have no group in common.
TEST(SecureUpdateTest, OtherWorkIsAnotherRound) {
  Assignment assignment;
  assignment.task = "digits";
  assignment.round_id = 7;
  assignment.round_number = 8;
  assignment.model = {Sha256("model"), 100, 7};
  assignment.plan.model.architecture = learning::LogisticSpec{4, 3};
  assignment.plan.training.learning_rate = 0.1;
  assignment.plan.norm_bound = 10;
  assignment.plan.max_examples = 5000;
  assignment.plan.secure_aggregation.emplace();
  const auto name_after = [&](const auto& change) {
    Assignment changed = assignment;
    change(changed);
    return Make(SecureRoundOf(changed, 15)).session().round;
  };
  const std::string name = name_after([](Assignment&) {});
  EXPECT_NE(name, name_after([](Assignment& a) {
              a.plan.training.learning_rate = 1e-30;
            }));
  EXPECT_NE(name,
            name_after([](Assignment& a) { a.plan.training.epochs = 2; }));
  EXPECT_NE(name, name_after([](Assignment& a) { a.plan.norm_bound = 1; }));
  EXPECT_NE(name, name_after([](Assignment& a) { a.plan.max_examples = 1; }));
  EXPECT_NE(name, name_after([](Assignment& a) {
              a.plan.secure_aggregation->adversary_fraction = 0;
            }));
  EXPECT_NE(name, name_after([](Assignment& a) { ++a.model.version; }));
  EXPECT_NE(name, name_after([](Assignment& a) { ++a.round_number; }));
  // What is each device's own.
  EXPECT_EQ(name, name_after([](Assignment& a) { a.token = "another"; }));
  EXPECT_EQ(name,
            name_after([](Assignment& a) { a.time_left = absl::Seconds(1); }));
}

// 63 characters of a name are the most that a task may have, 2^53 the largest
// number of a round on the wire.
TEST(SecureUpdateTest, LongestNameOfARoundFits) {
  SecureRound round = ExampleRound();
  round.task = std::string(63, 'x');
  round.round_id = int64_t{1} << 53;
  EXPECT_LE(Make(round).session().round.size(),
            size_t{secure_aggregation::kMaxRoundNameBytes});
}

TEST(SecureUpdateTest, RoundsThatCannotBeAreRefused) {
  const auto error = [](const auto& change) {
    SecureRound round = ExampleRound();
    change(round);
    const absl::Status status = SecureUpdate::Create(round).status();
    EXPECT_THAT(status, StatusIs(kInvalidArgument));
    return std::string(status.message());
  };
  EXPECT_THAT(error([](SecureRound& r) { r.norm_bound = 0; }),
              HasSubstr("norm bound"));
  EXPECT_THAT(error([](SecureRound& r) { r.max_weight = 0; }),
              HasSubstr("largest weight"));
  EXPECT_THAT(error([](SecureRound& r) { r.max_weight = int64_t{1} << 31; }),
              AllOf(HasSubstr("largest weight"), HasSubstr("2147483647")));
  // Nobody hides them.
  EXPECT_THAT(error([](SecureRound& r) { r.clip_votes = true; }),
              HasSubstr("noise on the sum of their votes"));
  EXPECT_THAT(error([](SecureRound& r) { r.settings.bits = 25; }),
              HasSubstr("bits"));
  EXPECT_THAT(error([](SecureRound& r) {
                r.settings.bits = 24;
                r.max_weight = 2'000'000'000;
                r.settings.max_group = 1'000'000;
              }),
              HasSubstr("64 bits"));
  EXPECT_THAT(error([](SecureRound& r) { r.settings.max_group = 2; }),
              HasSubstr("groups of 3 to 2"));
  EXPECT_THAT(error([](SecureRound& r) {
                r.num_values = secure_aggregation::kMaxVectorLength + 1;
              }),
              HasSubstr("vector 'update'"));
  EXPECT_THAT(error([](SecureRound& r) { r.task = std::string(200, 'x'); }),
              HasSubstr("name"));
}

// --- uploads -----------------------------------------------------------------

class MaskedUploadTest : public ::testing::Test {
 protected:
  MaskedUploadTest() {
    SecureRound round = ExampleRound();
    round.num_values = 9;  // of 29 bits: 261, so that 3 bits are not used
    update_ = Make(round);
    Trained device = Devices(round, 1)[0];
    vectors_ = Encoded(*update_, device, 0);
    bytes_ = EncodeMaskedUpload(Sha256("group"), "message", vectors_);
  }
  const SessionPlan& plan() const { return update_->session(); }
  absl::Status Refusal(absl::string_view bytes) const {
    return DecodeMaskedUpload(bytes, plan()).status();
  }

  std::optional<SecureUpdate> update_;
  std::vector<RingVector> vectors_;
  std::string bytes_;
};

TEST_F(MaskedUploadTest, ComesBack) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const MaskedUpload upload,
                             DecodeMaskedUpload(bytes_, plan()));
  EXPECT_EQ(upload.session, Sha256("group"));
  EXPECT_EQ(upload.message, "message");
  std::vector<RingVector> sums = update_->NoSum();
  SHOAL_ASSERT_OK(AddPacked(upload.vectors, absl::MakeSpan(sums)));
  for (size_t i = 0; i < sums.size(); ++i) {
    for (int64_t k = 0; k < sums[i].length(); ++k) {
      EXPECT_EQ(sums[i].Get(k), vectors_[i].Get(k)) << i << " " << k;
    }
  }
}

TEST_F(MaskedUploadTest, SizeIsKnownBefore) {
  EXPECT_EQ(MaskedUploadBytes(plan(), 7), std::ssize(bytes_));
  // Header, message, 9 elements of 29 bits, 18 of 64 bits.
  EXPECT_EQ(bytes_.size(), 44u + 7 + 33 + 144);
}

TEST_F(MaskedUploadTest, OtherLengthsAreRefused) {
  for (size_t size = 0; size < bytes_.size(); ++size) {
    EXPECT_THAT(Refusal(absl::string_view(bytes_).substr(0, size)),
                StatusIs(kInvalidArgument))
        << size;
  }
  EXPECT_THAT(Refusal(bytes_ + '\0'),
              StatusIs(kInvalidArgument, HasSubstr("229 bytes, expected 228")));
}

TEST_F(MaskedUploadTest, OtherFormatsAreRefused) {
  std::string bytes = bytes_;
  bytes[0] = 'x';
  EXPECT_THAT(Refusal(bytes),
              StatusIs(kInvalidArgument, HasSubstr("no masked")));
  bytes = bytes_;
  bytes[4] = 2;
  EXPECT_THAT(Refusal(bytes),
              StatusIs(kInvalidArgument, HasSubstr("version 2, expected 1")));
  EXPECT_THAT(Refusal(EncodeMaskedUpload(Digest(), "message", vectors_)),
              StatusIs(kInvalidArgument, HasSubstr("without a group")));
}

TEST_F(MaskedUploadTest, MessagesThatAreTooLongAreRefused) {
  const std::string longest(kMaxMaskedMessageBytes, 'm');
  EXPECT_THAT(Refusal(EncodeMaskedUpload(Sha256("group"), longest, vectors_)),
              IsOk());
  EXPECT_THAT(
      Refusal(EncodeMaskedUpload(Sha256("group"), longest + "m", vectors_)),
      StatusIs(kInvalidArgument, HasSubstr("too long")));
  std::string bytes = bytes_;
  for (int i = 40; i < 44; ++i) bytes[i] = '\xff';  // the message's length
  EXPECT_THAT(Refusal(bytes), StatusIs(kInvalidArgument));
}

TEST_F(MaskedUploadTest, BitsThatAreNotUsedAreZero) {
  std::string bytes = bytes_;
  bytes[44 + 7 + 33 - 1] |= '\x80';
  EXPECT_THAT(Refusal(bytes),
              StatusIs(kInvalidArgument, HasSubstr("last byte")));
}

TEST_F(MaskedUploadTest, VectorsOfAnotherPlanAreRefused) {
  SecureRound round = ExampleRound();
  round.num_values = 9;
  round.settings.max_group = 1000;
  EXPECT_THAT(DecodeMaskedUpload(bytes_, Make(round).session()),
              StatusIs(kInvalidArgument, HasSubstr("expected")));
}

TEST_F(MaskedUploadTest, SumsStayAsTheyAreWhenOneVectorIsWrong) {
  SHOAL_ASSERT_OK_AND_ASSIGN(MaskedUpload upload,
                             DecodeMaskedUpload(bytes_, plan()));
  upload.vectors[1].remove_suffix(1);
  std::vector<RingVector> sums = update_->NoSum();
  EXPECT_THAT(AddPacked(upload.vectors, absl::MakeSpan(sums)),
              StatusIs(kInvalidArgument));
  for (int64_t k = 0; k < sums[0].length(); ++k) EXPECT_EQ(sums[0].Get(k), 0u);
}

}  // namespace
}  // namespace shoal::protocol
