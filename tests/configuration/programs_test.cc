#include "configuration/programs.h"

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::configuration {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

template <typename T>
std::string MessageOf(const absl::StatusOr<T>& result) {
  return std::string(result.status().message());
}

TEST(CoordinatorConfigTest, WhatIsNotGivenHasItsDefault) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const CoordinatorConfig config,
                             ParseCoordinatorConfig("data: d\n", "c.yaml"));
  const CoordinatorConfig defaults;
  EXPECT_EQ(config.data, "d");
  EXPECT_EQ(config.listen, defaults.listen);
  EXPECT_EQ(config.http_listen, defaults.http_listen);
  EXPECT_FALSE(config.tls.has_value());
  EXPECT_EQ(config.enrollment_ca_key, "");
  EXPECT_EQ(config.device_certificate_lifetime,
            defaults.device_certificate_lifetime);
  EXPECT_EQ(config.commit_max_updates, defaults.commit_max_updates);
  EXPECT_EQ(config.commit_max_delay, defaults.commit_max_delay);
  EXPECT_EQ(config.commit_max_bytes, defaults.commit_max_bytes);
  EXPECT_EQ(config.upload_memory_bytes, defaults.upload_memory_bytes);
  EXPECT_EQ(config.upload_disk_bytes, defaults.upload_disk_bytes);
  EXPECT_EQ(config.worker_threads, 0);
  EXPECT_EQ(config.log_level, Severity::kInfo);
  EXPECT_FALSE(config.log_json);
}

TEST(CoordinatorConfigTest, EverySettingIsRead) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const CoordinatorConfig config,
      ParseCoordinatorConfig("listen: \"[::1]:7\"\n"
                             "http_listen: \"\"\n"
                             "data: d\n"
                             "tls: {ca: ca.pem, certificate: c.pem, key: k}\n"
                             "enrollment_ca_key: ca-key.pem\n"
                             "device_certificate_lifetime: 90d\n"
                             "commit: {max_updates: 8, max_delay: 20ms,\n"
                             "         max_bytes: 1MiB}\n"
                             "upload_memory: 2MiB\n"
                             "upload_disk: 3MiB\n"
                             "worker_threads: 5\n"
                             "log_level: warning\n"
                             "log_json: true\n",
                             "c.yaml"));
  EXPECT_EQ(config.listen, "[::1]:7");
  EXPECT_EQ(config.http_listen, "");
  ASSERT_TRUE(config.tls.has_value());
  EXPECT_EQ(config.tls->ca, "ca.pem");
  EXPECT_EQ(config.tls->certificate, "c.pem");
  EXPECT_EQ(config.tls->key, "k");
  EXPECT_EQ(config.enrollment_ca_key, "ca-key.pem");
  EXPECT_EQ(config.device_certificate_lifetime, absl::Hours(24 * 90));
  EXPECT_EQ(config.commit_max_updates, 8);
  EXPECT_EQ(config.commit_max_delay, absl::Milliseconds(20));
  EXPECT_EQ(config.commit_max_bytes, 1 << 20);
  EXPECT_EQ(config.upload_memory_bytes, 2 << 20);
  EXPECT_EQ(config.upload_disk_bytes, 3 << 20);
  EXPECT_EQ(config.worker_threads, 5);
  EXPECT_EQ(config.log_level, Severity::kWarning);
  EXPECT_TRUE(config.log_json);
}

TEST(CoordinatorConfigTest, AddressesAreChecked) {
  for (const char* address : {"7600", "host", "host:port", "host:65536",
                              "::1:7600", ":7600", "\"host:\""}) {
    EXPECT_THAT(
        MessageOf(ParseCoordinatorConfig(
            std::string("data: d\nlisten: ") + address + "\n", "c.yaml")),
        HasSubstr("c.yaml:2: listen: "))
        << address;
  }
  EXPECT_EQ(
      MessageOf(ParseCoordinatorConfig("data: d\nlisten: host\n", "c.yaml")),
      "c.yaml:2: listen: 'host' is no address, expected HOST:PORT such as "
      "127.0.0.1:7600");
}

TEST(CoordinatorConfigTest, HalfOfTlsIsRefused) {
  EXPECT_EQ(MessageOf(ParseCoordinatorConfig(
                "data: d\ntls:\n  ca: ca.pem\n  key: k.pem\n", "c.yaml")),
            "c.yaml:2: tls.certificate: missing, expected text");
}

TEST(AgentConfigTest, EverySettingIsRead) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const AgentConfig config,
      ParseAgentConfig("coordinator: localhost:7600\n"
                       "state: s\n"
                       "population: pumps\n"
                       "data: {csv: {path: x.csv, label: y, device: z}}\n"
                       "partition: {dirichlet: {alpha: 0.3}}\n"
                       "share: {index: 3, devices: 20}\n"
                       "seed: 7\n"
                       "memory: 8MiB\n"
                       "insecure: true\n"
                       "log_level: debug\n"
                       "log_json: true\n"
                       "max_backoff: 2s\n"
                       "proxy: http://proxy:3128\n",
                       "a.yaml"));
  EXPECT_EQ(config.coordinator, "localhost:7600");
  EXPECT_EQ(config.state, "s");
  EXPECT_EQ(config.population, "pumps");
  const auto& csv = std::get<learning::CsvSource>(config.data->kind);
  EXPECT_EQ(csv.path, "x.csv");
  EXPECT_EQ(csv.label, "y");
  EXPECT_EQ(csv.device, "z");
  EXPECT_EQ(
      std::get<learning::DirichletPartition>(config.partition->kind).alpha,
      0.3);
  EXPECT_EQ(config.share.index, 3);
  EXPECT_EQ(config.share.devices, 20);
  EXPECT_EQ(config.seed, 7u);
  EXPECT_EQ(config.memory_bytes, 8 << 20);
  EXPECT_TRUE(config.insecure);
  EXPECT_EQ(config.log_level, Severity::kDebug);
  EXPECT_TRUE(config.log_json);
  EXPECT_EQ(config.max_backoff, absl::Seconds(2));
  EXPECT_EQ(config.proxy, "http://proxy:3128");
}

TEST(AgentConfigTest, TheShareMustExist) {
  EXPECT_EQ(MessageOf(ParseAgentConfig("coordinator: localhost:7600\n"
                                       "state: s\n"
                                       "population: pumps\n"
                                       "data: {handwriting: {}}\n"
                                       "share:\n"
                                       "  devices: 20\n"
                                       "  index: 20\n",
                                       "a.yaml")),
            "a.yaml:7: share.index: 20 is not below share.devices, 20");
}

TEST(AgentConfigTest, DataDoNotDrift) {
  EXPECT_EQ(MessageOf(ParseAgentConfig(
                "coordinator: localhost:7600\n"
                "state: s\n"
                "population: pumps\n"
                "data: {handwriting: {}}\n"
                "partition: {iid: {}, drift: {rounds: {}, labels: 1}}\n",
                "a.yaml")),
            "a.yaml:5: partition.drift: only for simulated devices");
}

TEST(AgentConfigTest, AnEmptyFileMissesEverythingRequired) {
  EXPECT_EQ(MessageOf(ParseAgentConfig("{}\n", "a.yaml")),
            "a.yaml:1: coordinator: missing, expected text\n"
            "a.yaml:1: state: missing, expected text\n"
            "a.yaml:1: population: missing, expected text matching "
            "[a-z0-9][a-z0-9_.-]{0,62}\n"
            "a.yaml:1: data: missing, expected this or examples");
}

constexpr char kAgent[] =
    "coordinator: localhost:7600\nstate: s\npopulation: pumps\n";

TEST(AgentConfigTest, ExamplesTakeThePlaceOfData) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const AgentConfig config,
      ParseAgentConfig(absl::StrCat(kAgent,
                                    "examples: {features: 2, classes: 3, "
                                    "socket: a.sock, socket_mode: \"0660\"}\n"),
                       "a.yaml"));
  EXPECT_FALSE(config.data.has_value());
  ASSERT_TRUE(config.examples.has_value());
  const std::string yaml = AgentConfigYaml(config);
  SHOAL_ASSERT_OK_AND_ASSIGN(const AgentConfig again,
                             ParseAgentConfig(yaml, "again.yaml"));
  EXPECT_EQ(AgentConfigYaml(again), yaml);
  EXPECT_TRUE(again.examples.has_value());
}

TEST(AgentConfigTest, ExamplesMustMakeSense) {
  const auto error = [](const std::string& more) {
    return MessageOf(
        ParseAgentConfig(absl::StrCat(kAgent, "examples: ", more), "a.yaml"));
  };
  EXPECT_EQ(error("{features: 2}\n"),
            "a.yaml:4: examples: neither folder nor socket: no examples can "
            "come in");
  EXPECT_EQ(error("{features: 2, classes: 3, targets: 1, folder: f}\n"),
            "a.yaml:4: examples.targets: not together with classes");
  EXPECT_EQ(error("{features: 2, labels_per_example: 4, folder: f}\n"),
            "a.yaml:4: examples.labels_per_example: 4, expected 1 without "
            "classes");
  EXPECT_EQ(error("{classes: 3, folder: f}\nshare: {devices: 2}\n"),
            "a.yaml:4: examples.features: missing, expected a whole number "
            "from 1 to 67108864\n"
            "a.yaml:5: share: not together with examples");
}

constexpr char kScenario[] =
    "task:\n"
    "  name: digits\n"
    "  population: handwriting\n"
    "  model: {mlp: {inputs: 784, hidden: [32], outputs: 10}}\n"
    "  training: {learning_rate: 0.05}\n"
    "  round: {cohort: 20}\n"
    "  rounds: 100\n";

TEST(ScenarioTest, EverySettingIsRead) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const Scenario scenario,
      ParseScenario(std::string(kScenario) +
                        "population:\n"
                        "  devices: 500\n"
                        "  data: {handwriting: {seed: 4, mean_examples: 50}}\n"
                        "  partition: {natural: {}}\n"
                        "seed: 3\n",
                    "s.yaml"));
  EXPECT_EQ(scenario.task.name, "digits");
  EXPECT_EQ(scenario.task.round.min_reports, 16);
  EXPECT_EQ(scenario.devices, 500);
  const auto& data = std::get<learning::HandwritingSource>(scenario.data.kind);
  EXPECT_EQ(data.seed, 4u);
  EXPECT_EQ(data.mean_examples, 50);
  EXPECT_TRUE(std::holds_alternative<learning::NaturalPartition>(
      scenario.partition->kind));
  EXPECT_EQ(scenario.seed, 3u);
}

TEST(ScenarioTest, StragglersDoFewerEpochsThanTheTaskAsksFor) {
  const auto parse = [](const std::string& stragglers,
                        const std::string& epochs = "20") {
    std::string yaml = kScenario;
    yaml.insert(yaml.find("learning_rate"), "epochs: " + epochs + ", ");
    return ParseScenario(yaml +
                             "population: {devices: 20, data: {handwriting: "
                             "{}}}\nsimulation: {stragglers: {" +
                             stragglers + "}, evaluate_training: true}\n",
                         "s.yaml");
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const Scenario scenario, parse("fraction: 0.9"));
  EXPECT_TRUE(scenario.simulation.evaluate_training);
  const auto& stragglers = scenario.simulation.stragglers;
  ASSERT_TRUE(stragglers.has_value());
  EXPECT_EQ(stragglers->fraction, 0.9);
  EXPECT_EQ(stragglers->min_epochs, 1);
  EXPECT_EQ(stragglers->max_epochs, 19);
  EXPECT_FALSE(stragglers->drop);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Scenario again,
                             ParseScenario(ScenarioYaml(scenario), "s.yaml"));
  EXPECT_EQ(ScenarioYaml(again), ScenarioYaml(scenario));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const Scenario dropped,
      parse("fraction: 1, min_epochs: 2, max_epochs: 2, drop: true", "2"));
  EXPECT_TRUE(dropped.simulation.stragglers->drop);
  EXPECT_THAT(MessageOf(parse("fraction: 0.5, max_epochs: 21")),
              HasSubstr("simulation.stragglers.max_epochs: is 21, expected at "
                        "most the 20 epochs of the task"));
  EXPECT_THAT(MessageOf(parse("fraction: 0.5", "1")),
              HasSubstr("simulation.stragglers: min_epochs is 1, expected at "
                        "most max_epochs, which is 0"));
}

TEST(ScenarioTest, GroupsOfSimulationsMaySkipCryptographyAndLoseMembers) {
  const auto parse = [](const std::string& simulation, bool is_secure = true) {
    std::string yaml = kScenario;
    if (is_secure) {
      yaml.insert(yaml.find("  round:"), "  secure_aggregation: {}\n");
    }
    return ParseScenario(yaml +
                             "population: {devices: 500, data: {handwriting: "
                             "{}}}\nsimulation: {" +
                             simulation + "}\n",
                         "s.yaml");
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const Scenario plain, parse("", false));
  EXPECT_EQ(plain.simulation.groups, SimulatedGroups());
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const Scenario scenario,
      parse("secure_aggregation: {crypto: skip, leave: {sharing: 0.1, masking: "
            "0.2, consistency: 0.3, unmasking: 0.4}}"));
  const SimulatedGroups& groups = scenario.simulation.groups;
  EXPECT_EQ(groups.crypto, SimulatedCrypto::kSkip);
  EXPECT_EQ(groups.leave_before_sharing, 0.1);
  EXPECT_EQ(groups.leave_before_masking, 0.2);
  EXPECT_EQ(groups.leave_before_consistency, 0.3);
  EXPECT_EQ(groups.leave_before_unmasking, 0.4);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Scenario again,
                             ParseScenario(ScenarioYaml(scenario), "s.yaml"));
  EXPECT_EQ(again.simulation.groups, groups);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Scenario real, parse(""));
  EXPECT_EQ(real.simulation.groups.crypto, SimulatedCrypto::kReal);
  EXPECT_THAT(MessageOf(parse("secure_aggregation: {crypto: skip}", false)),
              HasSubstr("simulation.secure_aggregation: is there, but the task "
                        "does not ask for secure aggregation"));
}

TEST(ScenarioTest, EveryFileFormatHasItsSource) {
  const auto parse = [](const std::string& data) {
    return ParseScenario(
        std::string(kScenario) + "population: {devices: 5, data: " + data + "}",
        "s.yaml");
  };
  for (const char* data :
       {"{mnist: {path: d}}", "{fashion_mnist: {path: d}}"}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const Scenario scenario, parse(data));
    EXPECT_EQ(std::get<learning::IdxSource>(scenario.data.kind).path, "d");
    EXPECT_FALSE(scenario.partition.has_value());
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(const Scenario scenario,
                             parse("{har: {path: h}}"));
  EXPECT_EQ(std::get<learning::HarSource>(scenario.data.kind).path, "h");
}

TEST(ScenarioTest, BenchmarksHaveTheirSettings) {
  const auto source = [](const std::string& data) {
    return ParseScenario(std::string(kScenario) +
                             "population: {devices: 5, data: " + data + "}",
                         "s.yaml")
        .value()
        .data.kind;
  };
  const auto synthetic = std::get<learning::SyntheticSource>(
      source("{synthetic: {alpha: 0.5, beta: 1, seed: 4, iid: true}}"));
  EXPECT_EQ(synthetic.alpha, 0.5);
  EXPECT_EQ(synthetic.beta, 1);
  EXPECT_EQ(synthetic.seed, 4u);
  EXPECT_TRUE(synthetic.iid);
  const auto npy = std::get<learning::NpySource>(
      source("{npy: {features: x, labels: y, users: u, test_features: tx, "
             "test_labels: ty, test_users: tu}}"));
  EXPECT_EQ(npy.features + npy.labels + npy.users, "xyu");
  EXPECT_EQ(npy.test_features + npy.test_labels + npy.test_users, "txtytu");
  EXPECT_EQ(
      std::get<learning::Cifar10Source>(source("{cifar10: {path: c}}")).path,
      "c");
  EXPECT_EQ(std::get<learning::LeafSource>(source("{leaf: {path: l}}")).path,
            "l");
  const auto emnist = std::get<learning::EmnistSource>(
      source("{emnist: {path: e, split: letters}}"));
  EXPECT_EQ(emnist.path, "e");
  EXPECT_EQ(emnist.split, "letters");
  EXPECT_THAT(MessageOf(ParseScenario(std::string(kScenario) +
                                          "population: {devices: 5, data: "
                                          "{emnist: {path: e, split: cats}}}",
                                      "s.yaml")),
              HasSubstr("split"));
}

absl::StatusOr<Scenario> ParsePartition(const std::string& partition) {
  return ParseScenario(std::string(kScenario) +
                           "population: {devices: 5, data: {handwriting: {}}, "
                           "partition: " +
                           partition + "}",
                       "s.yaml");
}

TEST(ScenarioTest, PartitionsHaveTheirParameters) {
  const auto kind = [](const std::string& partition) {
    return ParsePartition(partition).value().partition->kind;
  };
  EXPECT_EQ(
      std::get<learning::ShardsPartition>(kind("{shards: {}}")).per_device, 2);
  EXPECT_EQ(std::get<learning::ClassesPartition>(
                kind("{classes_per_device: {classes: 3}}"))
                .per_device,
            3);
  EXPECT_EQ(std::get<learning::DirichletSizesPartition>(
                kind("{dirichlet_sizes: {alpha: 0.1}}"))
                .alpha,
            0.1);
  EXPECT_EQ(std::get<learning::LognormalSizesPartition>(
                kind("{lognormal_sizes: {sigma: 2}}"))
                .sigma,
            2);
  EXPECT_EQ(std::get<learning::PowerLawSizesPartition>(
                kind("{power_law_sizes: {exponent: 1.5}}"))
                .exponent,
            1.5);
}

TEST(ScenarioTest, SkewsLieOnTopOfAPartition) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const Scenario scenario,
      ParsePartition("{iid: {}, feature_noise: {sigma: 0.1}, rotation: "
                     "{groups: 4}, drift: {time: {start: 1h, length: 1d}, "
                     "course: periodic, labels: 0.5, noise: 2}}"));
  const learning::Partition& partition = *scenario.partition;
  EXPECT_EQ(partition.feature_noise->sigma, 0.1);
  EXPECT_EQ(partition.rotation->groups, 4);
  EXPECT_TRUE(partition.drift->schedule.by_time);
  EXPECT_EQ(partition.drift->schedule.start_time, absl::Hours(1));
  EXPECT_EQ(partition.drift->schedule.duration, absl::Hours(24));
  EXPECT_EQ(partition.drift->schedule.course,
            learning::DriftSchedule::Course::kPeriodic);
  EXPECT_EQ(partition.drift->labels, 0.5);
  EXPECT_EQ(partition.drift->noise, 2);
}

TEST(ScenarioTest, SkewsNeedAPartitionAndAClock) {
  EXPECT_THAT(MessageOf(ParsePartition("{rotation: {groups: 4}}")),
              HasSubstr("population.partition: none is chosen, expected one "
                        "of iid, dirichlet, natural, shards"));
  EXPECT_THAT(MessageOf(ParsePartition("{iid: {}, drift: {labels: 1}}")),
              HasSubstr("population.partition.drift: none is chosen, expected "
                        "one of rounds, time"));
  EXPECT_THAT(MessageOf(ParsePartition("{iid: {}, power_law_sizes: {}}")),
              HasSubstr("population.partition"));
}

TEST(ScenarioTest, ClassesOfDevicesHaveSharesAndLimits) {
  const auto parse = [](const std::string& mix) {
    return ParseScenario(std::string(kScenario) +
                             "population:\n"
                             "  devices: 20\n"
                             "  data: {handwriting: {}}\n"
                             "  devices_model:\n"
                             "    mix:\n" +
                             mix,
                         "s.yaml");
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const Scenario scenario,
      parse("      - {class: gateway, share: 0.25}\n"
            "      - class: sensor\n"
            "        share: 0.75\n"
            "        memory: 2MiB\n"
            "        limits: {budgets: {energy_per_round: 5J}}\n"));
  ASSERT_EQ(scenario.classes.size(), 2u);
  EXPECT_EQ(scenario.classes[0].name, "gateway");
  EXPECT_FALSE(scenario.classes[0].limits.has_value());
  EXPECT_EQ(scenario.classes[1].share, 0.75);
  EXPECT_EQ(scenario.classes[1].memory_bytes, 2 << 20);
  EXPECT_TRUE(scenario.classes[1].limits.has_value());
  SHOAL_ASSERT_OK_AND_ASSIGN(const Scenario again,
                             ParseScenario(ScenarioYaml(scenario), "s.yaml"));
  EXPECT_EQ(ScenarioYaml(again), ScenarioYaml(scenario));
  EXPECT_THAT(MessageOf(parse("      - {class: a, share: 0.5}\n"
                              "      - {class: b, share: 0.4}\n")),
              HasSubstr("population.devices_model.mix: the shares add up to "
                        "0.9, expected 1"));
  EXPECT_THAT(MessageOf(parse("      - {class: a, share: 1, limits: "
                              "{budgets: {energy_per_round: 0J}}}\n")),
              HasSubstr("mix[0].limits.budgets.energy_per_round"));
}

TEST(ScenarioTest, TheTaskInsideIsChecked) {
  EXPECT_EQ(MessageOf(ParseScenario("task:\n"
                                    "  name: a\n"
                                    "  population: b\n"
                                    "  model: {logistic: {inputs: 1}}\n"
                                    "  training: {learning_rate: 1}\n"
                                    "  round: {cohort: 2, min_reports: 3}\n"
                                    "  rounds: 1\n"
                                    "population:\n"
                                    "  devices: 5\n"
                                    "  data: {handwriting: {}}\n",
                                    "s.yaml")),
            "s.yaml:4: task.model.logistic.outputs: missing, expected a whole "
            "number from 2 to 65536\n"
            "s.yaml:6: task.round.min_reports: 3 is more than round.cohort, 2");
}

TEST(ScenarioTest, WhatIsWrittenReadsAsTheSame) {
  for (const char* population :
       {"{devices: 7, data: {handwriting: {seed: 3}}}",
        "{devices: 7, data: {mnist: {path: 'a \"b\": c'}},\n"
        "             partition: {dirichlet: {alpha: 0.3}}}",
        "{devices: 7, data: {har: {path: h}}, partition: {natural: {}}}",
        "{devices: 7, data: {csv: {path: t.csv, target: price}}}",
        "{devices: 7, data: {synthetic: {alpha: 0.5, seed: 4}},\n"
        "             partition: {shards: {per_device: 3}}}",
        "{devices: 7, data: {npy: {features: x, labels: y, users: u}},\n"
        "             partition: {classes_per_device: {classes: 3},\n"
        "                         feature_noise: {sigma: 0.5}}}",
        "{devices: 7, data: {cifar10: {path: c}},\n"
        "             partition: {dirichlet_sizes: {alpha: 0.5},\n"
        "                         rotation: {groups: 4}}}",
        "{devices: 7, data: {emnist: {path: e}},\n"
        "             partition: {lognormal_sizes: {sigma: 0.5},\n"
        "                         rotation: {max_degrees: 30}}}",
        "{devices: 7, data: {leaf: {path: l}},\n"
        "             partition: {power_law_sizes: {},\n"
        "               drift: {rounds: {start: 3}, course: step,\n"
        "                       rotation_degrees: 90}}}",
        "{devices: 7, data: {leaf: {path: l}},\n"
        "             partition: {iid: {},\n"
        "               drift: {time: {length: 2h}, labels: 0.5}}}",
        "{devices: 7, data: {text: {path: t.txt, length: 40}}}",
        "{devices: 7, data: {csv: {path: t.csv, label: class, device: d}},\n"
        "             partition: {iid: {}}}"}) {
    const std::string yaml = absl::StrCat(
        "task:\n"
        "  name: digits\n"
        "  population: p\n"
        "  model: {logistic: {inputs: 3, outputs: 2}}\n"
        "  training: {learning_rate: 0.1}\n"
        "  round: {cohort: 2}\n"
        "  rounds: 5\n"
        "population: ",
        population, "\nseed: 9\n");
    SHOAL_ASSERT_OK_AND_ASSIGN(const Scenario scenario,
                               ParseScenario(yaml, "s.yaml"));
    const std::string written = ScenarioYaml(scenario);
    SHOAL_ASSERT_OK_AND_ASSIGN(const Scenario again,
                               ParseScenario(written, "again.yaml"));
    EXPECT_EQ(again.task, scenario.task);
    EXPECT_EQ(again.devices, 7);
    EXPECT_EQ(again.seed, 9u);
    EXPECT_EQ(again.data.kind.index(), scenario.data.kind.index());
    EXPECT_EQ(ScenarioYaml(again), written);
  }
}

TEST(LoadTest, AMissingFileIsNotFound) {
  const std::string path = "/nonexistent/shoal.yaml";
  EXPECT_THAT(LoadCoordinatorConfig(path),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
  EXPECT_THAT(LoadAgentConfig(path),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
  EXPECT_THAT(LoadScenario(path),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
}

}  // namespace
}  // namespace shoal::configuration
