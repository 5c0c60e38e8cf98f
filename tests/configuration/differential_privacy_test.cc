#include "configuration/differential_privacy.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "configuration/differential_privacy_proto.h"
#include "configuration/programs.h"
#include "configuration/task.h"
#include "configuration/task_proto.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::configuration {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPublicTask[] =
    "name: digits\n"
    "population: handwriting\n"
    "model: {mlp: {inputs: 784, hidden: [32], outputs: 10}}\n"
    "rounds: 100\n";

// Of differential_privacy, beside the noise.
constexpr char kBudget[] = "clip_norm: 0.5, budget: {epsilon: 8, delta: 1e-5}";

// The parts that tests change; line 8 is that of differential_privacy.
struct Parts {
  std::string noise = "";  // such as "blt: {}, "
  std::string round = "cohort: 20, min_separation: 10";
  std::string training = "learning_rate: 0.05";
  std::string more = "";  // lines at the end
  std::string privacy = kBudget;
};

std::string YamlOf(const Parts& parts) {
  return absl::StrCat(kPublicTask, "training: {", parts.training, "}\nround: {",
                      parts.round, "}\n", "differential_privacy: {",
                      parts.noise, parts.privacy, "}\n", parts.more);
}

absl::StatusOr<Task> Parse(const Parts& parts) {
  return ParseTaskYaml(YamlOf(parts), "t.yaml");
}

std::string ErrorsOf(const Parts& parts) {
  return std::string(Parse(parts).status().message());
}

DifferentialPrivacy PrivacyOf(const Parts& parts) {
  const absl::StatusOr<Task> task = Parse(parts);
  EXPECT_THAT(task, ::shoal::testing::IsOk());
  return task.ok() ? task->differential_privacy.value_or(DifferentialPrivacy())
                   : DifferentialPrivacy();
}

// --- from files --------------------------------------------------------------

TEST(DifferentialPrivacyFileTest, IsOffUnlessAskedFor) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const Task task,
      ParseTaskYaml(absl::StrCat(kPublicTask,
                                 "training: {learning_rate: 1}\n"
                                 "round: {cohort: 20}\n"),
                    "t.yaml"));
  EXPECT_EQ(task.differential_privacy, std::nullopt);
  EXPECT_EQ(task.round.weighting, Weighting::kExamples);
}

TEST(DifferentialPrivacyFileTest, WhatIsNotGivenHasItsDefault) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const Task task, Parse({}));
  DifferentialPrivacy expected;
  expected.noise = BltNoise{.buffers = 3};
  expected.noise_multiplier = std::nullopt;
  expected.clip_norm = 0.5;
  expected.epsilon = 8;
  expected.delta = 1e-5;
  expected.adjacency = privacy::Adjacency::kAddRemove;
  expected.accountant = privacy::Accountant::kPld;
  EXPECT_EQ(task.differential_privacy, expected);
  EXPECT_EQ(task.round.weighting, Weighting::kUniform);
}

TEST(DifferentialPrivacyFileTest, EveryKindOfNoiseIsRead) {
  const auto noise = [](const std::string& yaml) {
    return PrivacyOf({.noise = yaml + ", "}).noise;
  };
  using Noise = DifferentialPrivacy::Noise;
  EXPECT_EQ(noise("central: {}"), Noise(CentralNoise{}));
  EXPECT_EQ(noise("tree: {}"), Noise(TreeNoise{.restart_every = 0}));
  EXPECT_EQ(noise("tree: {restart_every: 25}"), Noise(TreeNoise{25}));
  EXPECT_EQ(noise("banded: {}"), Noise(BandedNoise{.bands = 0}));
  EXPECT_EQ(noise("banded: {bands: 7}"), Noise(BandedNoise{7}));
  EXPECT_EQ(noise("blt: {}"), Noise(BltNoise{3}));
  EXPECT_EQ(noise("blt: {buffers: 5}"), Noise(BltNoise{5}));
  EXPECT_EQ(noise("local: {}"), Noise(LocalNoise{}));
}

TEST(DifferentialPrivacyFileTest, EveryKindOfNoiseHasAMultiplier) {
  for (const char* kind : {"central", "tree", "banded", "blt", "local"}) {
    EXPECT_EQ(
        PrivacyOf({.noise = absl::StrCat(kind, ": {noise_multiplier: 0.75}, ")})
            .noise_multiplier,
        0.75)
        << kind;
  }
}

TEST(DifferentialPrivacyFileTest, EverythingElseIsRead) {
  const DifferentialPrivacy privacy = PrivacyOf(
      {.noise = "central: {}, ",
       .privacy = "clip_norm: 2, adaptive_clip: {target_quantile: 0.75, "
                  "learning_rate: 0.1, count_stddev: 4}, budget: {epsilon: 3, "
                  "delta: 1e-6}, adjacency: replace_one, accountant: rdp"});
  EXPECT_EQ(privacy.clip_norm, 2);
  EXPECT_EQ(privacy.adaptive_clip, (AdaptiveClipping{0.75, 0.1, 4}));
  EXPECT_EQ(privacy.epsilon, 3);
  EXPECT_EQ(privacy.delta, 1e-6);
  EXPECT_EQ(privacy.adjacency, privacy::Adjacency::kReplaceOne);
  EXPECT_EQ(privacy.accountant, privacy::Accountant::kRdp);

  EXPECT_EQ(PrivacyOf({.noise = "central: {}, adaptive_clip: {}, ",
                       .round = "cohort: 40"})
                .adaptive_clip,
            (AdaptiveClipping{0.5, 0.2, std::nullopt}));
}

TEST(DifferentialPrivacyFileTest, WhatIsMissingOrOutOfRangeHasItsLine) {
  EXPECT_EQ(ErrorsOf({.privacy = "clip_norm: 1"}),
            "t.yaml:7: differential_privacy.budget: missing, expected a "
            "mapping");
  EXPECT_EQ(ErrorsOf({.privacy = "budget: {epsilon: 8}"}),
            "t.yaml:7: differential_privacy.clip_norm: missing, expected a "
            "number from 1e-06 to 1000000\n"
            "t.yaml:7: differential_privacy.budget.delta: missing, expected a "
            "number more than 0 and at most 0.01");
  EXPECT_THAT(
      ErrorsOf({.privacy = "clip_norm: 1, budget: {epsilon: 8, delta: 0.02}"}),
      HasSubstr("t.yaml:7: differential_privacy.budget.delta: 0.02 is out of "
                "range"));
  EXPECT_THAT(ErrorsOf({.noise = "blt: {buffers: 9}, "}),
              HasSubstr("t.yaml:7: differential_privacy.blt.buffers: 9"));
  EXPECT_THAT(
      ErrorsOf({.noise = "bandet: {}, "}),
      HasSubstr("differential_privacy.bandet: unknown key, did you mean "
                "banded?"));
  EXPECT_THAT(ErrorsOf({.noise = "tree: {}, blt: {}, "}),
              HasSubstr("differential_privacy.blt"));
}

TEST(DifferentialPrivacyFileTest, WrongPartsAreNotBlamedOnIt) {
  for (const Parts& parts :
       {Parts{.noise = "banded: {bands: 3}, ", .round = "cohort: 0"},
        Parts{.training = "learning_rate: -1"},
        Parts{.more = "update_limits: {norm_bound: -1}\n"},
        Parts{.more = "secure_aggregation: {min_group: 1}\n"}}) {
    EXPECT_THAT(ErrorsOf(parts), Not(HasSubstr("differential_privacy")));
    EXPECT_THAT(ErrorsOf(parts), HasSubstr("t.yaml:"));
  }
  std::string yaml = YamlOf({.noise = "banded: {bands: 3}, "});
  yaml.replace(yaml.find("rounds: 100"), 11, "rounds: 0  ");
  EXPECT_EQ(ParseTaskYaml(yaml, "t.yaml").status().message(),
            "t.yaml:4: rounds: 0 is out of range, expected a whole number "
            "from 1 to 10000000");
}

// --- what nobody has analysed ------------------------------------------------

struct Refusal {
  std::string name;
  Parts parts;
  std::string error;  // behind "t.yaml:7: differential_privacy: "
};

class RefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, SaysWhatIsWrongAndWhatWasExpected) {
  EXPECT_EQ(ErrorsOf(GetParam().parts),
            "t.yaml:7: differential_privacy: " + GetParam().error);
}

constexpr char kSecure[] = "secure_aggregation: {min_group: 8}\n";

INSTANTIATE_TEST_SUITE_P(
    CheckDifferentialPrivacy, RefusalTest,
    ::testing::Values(
        Refusal{"Weights",
                {.round = "cohort: 20, weighting: examples"},
                "needs round.weighting uniform: weighted by its examples an "
                "update would count for more than the clip norm"},
        Refusal{"Scaffold",
                {.more = "algorithm: {scaffold: {devices: 100}}\n"},
                "does not go with algorithm.scaffold: nobody has analysed "
                "control variates, which devices keep from round to round, "
                "expected fedavg, fedprox or fedsgd"},
        Refusal{"FedNova",
                {.more = "algorithm: {fednova: {}}\n"},
                "does not go with algorithm.fednova: updates are divided by "
                "the devices' steps, whose mean is not under noise, expected "
                "fedavg, fedprox or fedsgd"},
        Refusal{"Asynchronous",
                {.round = "cohort: 20, asynchronous: {concurrency: 40}"},
                "does not go with round.asynchronous: nobody has analysed "
                "noise on updates of different versions, expected every round "
                "by itself"},
        Refusal{"Widths",
                {.training = "learning_rate: 1, sub_model_widths: [0.5]"},
                "does not go with training.sub_model_widths and "
                "sub_model_layers: how many devices have trained a part is not "
                "under noise, expected neither of them"},
        Refusal{"Layers",
                {.training = "learning_rate: 1, sub_model_layers: [1]"},
                "does not go with training.sub_model_widths and "
                "sub_model_layers: how many devices have trained a part is not "
                "under noise, expected neither of them"},
        Refusal{"NormBound",
                {.more = "update_limits: {norm_bound: 12.5}\n"},
                "does not go with update_limits.norm_bound, 12.5: clip_norm is "
                "what bounds updates, expected no other bound"},
        Refusal{"SampledGroups",
                {.noise = "central: {sampling_rate: 0.01}, ", .more = kSecure},
                "central.sampling_rate, 0.01, does not go with "
                "secure_aggregation: a round must be summed up however few "
                "devices were drawn, and groups have min_group members at "
                "least"},
        Refusal{"SampledSeparation",
                {.noise = "central: {sampling_rate: 0.01}, ",
                 .round = "cohort: 20, min_separation: 5"},
                "central.sampling_rate, 0.01, does not go with "
                "round.min_separation, 5: a device that has to sit out is not "
                "drawn with that probability, expected none"},
        Refusal{"Bands",
                {.noise = "banded: {bands: 101}, "},
                "banded.bands is 101, expected at most rounds, 100"},
        Refusal{"Restarts",
                {.noise = "tree: {restart_every: 101}, "},
                "tree.restart_every is 101, expected at most rounds, 100, or "
                "none for one tree"},
        Refusal{"FewBuffers",
                {.noise = "blt: {buffers: 2, decays: [0.5], scales: [0.5]}, "},
                "blt has 1 decays and 1 scales, expected as many as buffers, "
                "2, of both, or none"},
        Refusal{"BuffersWithoutScales",
                {.noise = "blt: {buffers: 1, decays: [0.5]}, "},
                "blt has 1 decays and 0 scales, expected as many as buffers, "
                "1, of both, or none"},
        Refusal{"LargeScales",
                {.noise = "blt: {buffers: 2, decays: [0.5, 0.25], scales: "
                          "[0.5, 0.75]}, "},
                "blt.scales add up to 1.25, expected 1 at most"},
        Refusal{"AdaptiveBlt",
                {.noise = "adaptive_clip: {}, "},
                "adaptive_clip does not go with blt: its noise is made for one "
                "clip norm, expected central"},
        Refusal{"AdaptiveLayers",
                {.noise = "central: {}, adaptive_clip: {}, clip_layers: true, ",
                 .round = "cohort: 40"},
                "adaptive_clip does not go with clip_layers: it follows how "
                "many updates are too long, and where every tensor is "
                "shortened by itself none is, expected one of them"},
        Refusal{"CountOfFewDevices",
                {.noise = "central: {}, adaptive_clip: {}, "},
                "adaptive_clip.count_stddev is 1, expected at least 1.33: the "
                "count is a whole number, and so is its noise"},
        Refusal{"DistributedAlone",
                {.noise = "distributed: {}, "},
                "distributed needs secure_aggregation: one device's share of "
                "the noise does not hide its update, the shares of a group "
                "together do"},
        Refusal{"SkellamByLosses",
                {.noise = "distributed: {skellam: true}, ", .more = kSecure},
                "distributed.skellam needs accountant rdp: what Skellam noise "
                "costs is known from Rényi divergences alone, expected that, "
                "or no skellam"},
        Refusal{"Malicious",
                {.more = "secure_aggregation: {coordinator: malicious}\n"},
                "blt noise is the coordinator's own, whom "
                "secure_aggregation.coordinator malicious does not trust, "
                "expected distributed, or coordinator honest"},
        Refusal{"SemiMalicious",
                {.noise = "tree: {}, ",
                 .more = "secure_aggregation: {coordinator: semi_malicious, "
                         "dropout_fraction: 0.1}\n"},
                "tree noise is the coordinator's own, whom "
                "secure_aggregation.coordinator semi_malicious does not trust, "
                "expected distributed, or coordinator honest"}),
    [](const auto& row) { return row.param.name; });

// Each of them beside what a refusal is about.
TEST(CheckDifferentialPrivacyTest, WhatHasBeenAnalysedIsAllowed) {
  for (const Parts& parts :
       {Parts{.noise = "banded: {bands: 100}, "},
        Parts{.noise = "tree: {restart_every: 100}, "},
        Parts{.noise = "blt: {buffers: 1, decays: [0.5], scales: [1]}, "},
        Parts{.noise = "central: {}, adaptive_clip: {}, ",
        .round = "cohort: 40"},
        Parts{.noise = "central: {}, adaptive_clip: {count_stddev: 1.33}, "},
        Parts{.noise = "central: {sampling_rate: 0.01}, ",
        .round = "cohort: 20"},
        Parts{.noise = "central: {}, ", .more = kSecure},
        Parts{.noise = "central: {}, adaptive_clip: {count_stddev: 1.33}, ",
        .more = kSecure},
        Parts{.noise = "tree: {}, ", .more = kSecure},
        Parts{.noise = "banded: {}, ", .more = kSecure},
        Parts{.noise = "blt: {}, ", .more = kSecure},
        Parts{.noise = "distributed: {}, ", .more = kSecure},
        Parts{.noise = "distributed: {skellam: true}, accountant: rdp, ",
        .more = kSecure},
        Parts{.noise = "distributed: {}, ",
        .more = "secure_aggregation: {coordinator: semi_malicious, "
                "dropout_fraction: 0.1}\n"},
        Parts{.noise = "distributed: {}, ",
        .more = "secure_aggregation: {coordinator: malicious, "
                "max_group: 100, dropout_fraction: 0.1}\n"},
        Parts{.round = "cohort: 20, weighting: uniform"},
        Parts{.round = "cohort: 20, over_selection: 1.5"},
        Parts{.more = "algorithm: {fedprox: {mu: 0.1}}\n"},
        Parts{.more = "algorithm: {fedsgd: {}}\n"},
        Parts{.more = "server_optimizer: {adam: {learning_rate: 0.1}}\n"},
        Parts{.more = "update_limits: {max_examples: 100}\n"}}) {
    EXPECT_EQ(ErrorsOf(parts), "") << YamlOf(parts);
  }
}

TEST(CheckDifferentialPrivacyTest, BandsThatAreNotGivenHaveALimitToo) {
  SHOAL_ASSERT_OK_AND_ASSIGN(Task task, Parse({.noise = "banded: {}, "}));
  task.rounds = 5000;
  task.round.min_separation = 4096;
  SHOAL_EXPECT_OK(CheckDifferentialPrivacy(task));
  task.round.min_separation = 4097;
  EXPECT_THAT(CheckDifferentialPrivacy(task),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "banded.bands is round.min_separation, 4097, expected "
                       "at most 4096: the coordinator keeps as many vectors"));
  task.rounds = 4096;
  SHOAL_EXPECT_OK(CheckDifferentialPrivacy(task));
}

// As whoever makes a task without a file would have it.
TEST(CheckDifferentialPrivacyTest, TasksFromElsewhereAreChecked) {
  SHOAL_ASSERT_OK_AND_ASSIGN(Task task, Parse({}));
  SHOAL_EXPECT_OK(CheckDifferentialPrivacy(task));
  task.round.weighting = Weighting::kExamples;
  EXPECT_THAT(CheckDifferentialPrivacy(task),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("needs round.weighting uniform")));
  EXPECT_THAT(ParseTask(SerializeTask(task)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("differential_privacy: needs "
                                 "round.weighting uniform")));
  task.differential_privacy.reset();
  SHOAL_EXPECT_OK(CheckDifferentialPrivacy(task));
}

// A round that draws its devices waits for all of them.
TEST(CheckDifferentialPrivacyTest, RoundsThatDrawHaveTheirOwnPlaces) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const Task task,
                             Parse({.noise = "central: {sampling_rate: 0.01}, ",
                                    .round = "cohort: 100"}));
  EXPECT_TRUE(task.round.drawn);
  EXPECT_EQ(task.round.max_assigned(), 100 + 80 + 32);
  EXPECT_EQ(task.round.min_reports, 0);
  EXPECT_EQ(DevicesPerRound(task), 10'000);
  EXPECT_THAT(ParseTask(SerializeTask(task)), IsOkAndHolds(task));
  SHOAL_ASSERT_OK_AND_ASSIGN(const Task plain, Parse({}));
  EXPECT_FALSE(plain.round.drawn);
  EXPECT_EQ(DevicesPerRound(plain), plain.round.max_assigned());
}

TEST(CheckDifferentialPrivacyTest, ADrawTakesNeitherMoreDevicesNorEnough) {
  EXPECT_THAT(ErrorsOf({.noise = "central: {sampling_rate: 0.01}, ",
                        .round = "cohort: 20, over_selection: 1.1"}),
              HasSubstr("round.over_selection: does not go with "
                        "differential_privacy's sampling_rate: every device "
                        "that is drawn is counted, and nobody else"));
  EXPECT_THAT(ErrorsOf({.noise = "central: {sampling_rate: 0.01}, ",
                        .round = "cohort: 20, min_reports: 3"}),
              HasSubstr("round.min_reports: does not go with "
                        "differential_privacy's sampling_rate: a round is "
                        "summed up however few devices were drawn"));
}

TEST(CheckDifferentialPrivacyTest, WhoMakesATaskMustSayThatItsRoundsDraw) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      Task task, Parse({.noise = "central: {}, ", .round = "cohort: 20"}));
  task.differential_privacy->noise = CentralNoise{0.1};
  EXPECT_THAT(CheckDifferentialPrivacy(task),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "round.drawn is not set, expected it with a "
                       "sampling_rate, and only with one"));
  task.round.drawn = true;
  SHOAL_EXPECT_OK(CheckDifferentialPrivacy(task));
  task.differential_privacy->noise = CentralNoise{};
  EXPECT_THAT(CheckDifferentialPrivacy(task),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("round.drawn is set")));
}

// --- to and from protobuf ----------------------------------------------------

TEST(DifferentialPrivacyProtoTest, SettingsComeBack) {
  DifferentialPrivacy privacy;
  privacy.clip_norm = 0.1;
  privacy.epsilon = 2.5;
  privacy.delta = 1e-7;
  for (const DifferentialPrivacy::Noise& noise :
       {DifferentialPrivacy::Noise(CentralNoise{}),
        DifferentialPrivacy::Noise(CentralNoise{0.25}),
        DifferentialPrivacy::Noise(DistributedNoise{}),
        DifferentialPrivacy::Noise(DistributedNoise{.skellam = true}),
        DifferentialPrivacy::Noise(TreeNoise{}),
        DifferentialPrivacy::Noise(TreeNoise{17}),
        DifferentialPrivacy::Noise(BandedNoise{}),
        DifferentialPrivacy::Noise(BandedNoise{9}),
        DifferentialPrivacy::Noise(BltNoise{1}),
        DifferentialPrivacy::Noise(BltNoise{2, {0.5, 0.25}, {0.125, 0}}),
        DifferentialPrivacy::Noise(LocalNoise{})}) {
    privacy.noise = noise;
    privacy.noise_multiplier.reset();
    EXPECT_EQ(FromProto(ToProto(privacy)), privacy) << NoiseName(noise);
    privacy.noise_multiplier = 0.7;
    EXPECT_EQ(FromProto(ToProto(privacy)), privacy) << NoiseName(noise);
  }
  privacy.adaptive_clip = AdaptiveClipping{0.25, 0.5, std::nullopt};
  EXPECT_EQ(FromProto(ToProto(privacy)), privacy);
  privacy.adaptive_clip->count_stddev = 3;
  privacy.adjacency = privacy::Adjacency::kReplaceOne;
  privacy.accountant = privacy::Accountant::kRdp;
  privacy.clip_layers = true;
  EXPECT_EQ(FromProto(ToProto(privacy)), privacy);
}

TEST(DifferentialPrivacyProtoTest, TasksComeBack) {
  for (const Parts& parts :
       {Parts{},
        Parts{.noise = "central: {noise_multiplier: 2}, "
                       "adaptive_clip: {count_stddev: 2}, "},
        Parts{.noise = "banded: {bands: 4}, ", .more = kSecure}}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const Task task, Parse(parts));
    EXPECT_THAT(ParseTask(SerializeTask(task)), IsOkAndHolds(task));
  }
}

// --- names -------------------------------------------------------------------

TEST(DifferentialPrivacyTest, NoiseIsNamedAsInFiles) {
  EXPECT_EQ(NoiseName(CentralNoise{}), "central");
  EXPECT_EQ(NoiseName(DistributedNoise{}), "distributed");
  EXPECT_EQ(NoiseName(TreeNoise{}), "tree");
  EXPECT_EQ(NoiseName(BandedNoise{}), "banded");
  EXPECT_EQ(NoiseName(BltNoise{}), "blt");
}

TEST(DifferentialPrivacyTest, TheNoiseOnACountFollowsTheCohort) {
  EXPECT_EQ(CountStddev(AdaptiveClipping{}, 40), 2);
  EXPECT_EQ(CountStddev(AdaptiveClipping{0.5, 0.2, 3}, 40), 3);
}

TEST(DifferentialPrivacyTest, CorrelatedNoiseIsThatOfAllRounds) {
  EXPECT_FALSE(IsCorrelated(CentralNoise{}));
  EXPECT_FALSE(IsCorrelated(DistributedNoise{}));
  EXPECT_TRUE(IsCorrelated(TreeNoise{}));
  EXPECT_TRUE(IsCorrelated(BandedNoise{}));
  EXPECT_TRUE(IsCorrelated(BltNoise{}));
}

TEST(BudgetTextTest, IsCanonical) {
  DifferentialPrivacy privacy;
  privacy.epsilon = 8;
  privacy.delta = 1e-5;
  EXPECT_EQ(BudgetText(privacy),
            "epsilon=8 delta=1e-05 adjacency=add_remove accountant=pld");
  // Neither noise nor clip norm are the population's.
  privacy.noise = TreeNoise{};
  privacy.clip_norm = 3;
  privacy.noise_multiplier = 2;
  EXPECT_EQ(BudgetText(privacy),
            "epsilon=8 delta=1e-05 adjacency=add_remove accountant=pld");
  privacy.adjacency = privacy::Adjacency::kReplaceOne;
  privacy.accountant = privacy::Accountant::kRdp;
  privacy.epsilon = 0.1;
  EXPECT_EQ(BudgetText(privacy),
            "epsilon=0.1 delta=1e-05 adjacency=replace_one accountant=rdp");
}

// Six digits would take these for the same budget.
TEST(BudgetTextTest, DifferentBudgetsHaveDifferentTexts) {
  DifferentialPrivacy privacy;
  privacy.epsilon = 8.00000001;
  privacy.delta = 1.00000001e-6;
  EXPECT_EQ(BudgetText(privacy),
            "epsilon=8.00000001 delta=1.00000001e-06 adjacency=add_remove "
            "accountant=pld");
}

}  // namespace
}  // namespace shoal::configuration
