#include "bench/fleet_bench.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/digest.h"
#include "learning/update_codec.h"
#include "protocol/messages.h"
#include "protocol/wire.h"

namespace shoal::bench {
namespace {

// Discards uploads, streams zeros as the model.
class BareFleet final : public v1::Fleet::Service {
 public:
  explicit BareFleet(std::string model) : model_(std::move(model)) {}

  grpc::Status FetchModel(grpc::ServerContext*, const v1::FetchModelRequest*,
                          grpc::ServerWriter<v1::ModelChunk>* out) override {
    v1::ModelChunk chunk;
    for (size_t at = 0; at < model_.size(); at += protocol::kMaxChunkBytes) {
      chunk.set_offset(at);
      chunk.set_data(model_.substr(at, protocol::kMaxChunkBytes));
      out->Write(chunk);
    }
    return grpc::Status::OK;
  }

  grpc::Status Upload(grpc::ServerContext*,
                      grpc::ServerReader<v1::UploadRequest>* in,
                      v1::UploadReceipt*) override {
    v1::UploadRequest request;
    while (in->Read(&request)) {
    }
    return grpc::Status::OK;
  }

 private:
  const std::string model_;
};

std::string MustRead(const std::string& path) { return OrDie(ReadFile(path)); }

// Waits for a file that a child writes when it serves; returns its address.
std::string AwaitAddress(const std::string& path, const std::string& log) {
  for (int i = 0; i < 600; ++i) {
    if (std::filesystem::exists(path)) {
      return nlohmann::json::parse(MustRead(path)).at("grpc");
    }
    absl::SleepFor(absl::Milliseconds(50));
  }
  std::fprintf(stderr, "%s\n", MustRead(log).c_str());
  OrDie(absl::DeadlineExceededError(absl::StrCat(path, " did not appear")));
  return "";
}

void WritePems(const std::string& folder, const std::string& ca,
               const protocol::KeyAndCertificate& leaf) {
  OrDie(MakeFolders(folder, 0700));
  OrDie(WriteFileAtomically(folder + "/ca.pem", ca));
  OrDie(WriteFileAtomically(folder + "/certificate.pem", leaf.certificate_pem));
  OrDie(WriteFileAtomically(folder + "/key.pem",
                            std::string(leaf.key_pem.Reveal()), 0600));
}

}  // namespace

void OrDie(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "benchmark failed: %s\n", status.ToString().c_str());
  std::exit(1);
}

Deployment::Deployment() {
  const absl::Time now = absl::Now();
  const absl::Duration day = absl::Hours(24);
  ca_ = OrDie(protocol::MakeCa("benchmark", now, day));
  coordinator_ =
      OrDie(protocol::Issue(ca_, "coordinator", protocol::Role::kCoordinator,
                            {"127.0.0.1", "localhost"}, now, day));
  operator_ = OrDie(protocol::Issue(ca_, "operator", protocol::Role::kOperator,
                                    {}, now, day));
  WritePems(folder() + "/tls", ca_.certificate_pem, coordinator_);
}

std::shared_ptr<grpc::ChannelCredentials> Deployment::Credentials(
    const protocol::KeyAndCertificate& leaf) const {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = ca_.certificate_pem;
  options.pem_cert_chain = leaf.certificate_pem;
  options.pem_private_key = std::string(leaf.key_pem.Reveal());
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> Deployment::OperatorCredentials()
    const {
  return Credentials(operator_);
}

std::shared_ptr<grpc::ChannelCredentials> Deployment::DeviceCredentials(
    int index) const {
  return Credentials(OrDie(protocol::Issue(ca_, absl::StrCat("device-", index),
                                           protocol::Role::kDevice, {},
                                           absl::Now(), absl::Hours(24))));
}

std::shared_ptr<grpc::Channel> Connect(
    const std::string& address,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto channel = grpc::CreateCustomChannel(address, credentials, arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() +
                                 std::chrono::seconds(60))) {
    OrDie(absl::UnavailableError(absl::StrCat("no connection to ", address)));
  }
  return channel;
}

Coordinator StartCoordinator(const Deployment& deployment) {
  const std::string data = absl::StrCat(deployment.folder(), "/data-",
                                        absl::ToUnixNanos(absl::Now()));
  const std::string tls = deployment.folder() + "/tls";
  const std::string config = data + ".yaml";
  OrDie(WriteFileAtomically(
      config, absl::StrCat("listen: 127.0.0.1:0\nhttp_listen: ''\ndata: ", data,
                           "\nlog_level: warning\ntls:\n  ca: ", tls,
                           "/ca.pem\n  certificate: ", tls,
                           "/certificate.pem\n  key: ", tls, "/key.pem\n")));
  Coordinator result;
  const std::string log = data + ".log";
  result.process = OrDie(ChildProcess::Start(
      {{ExecutableFolder() + "/../bin/shoald", "--config", config}, {}, log}));
  result.address = AwaitAddress(data + "/endpoints.json", log);
  return result;
}

Coordinator StartBareServer(const Deployment& deployment,
                            int64_t num_parameters) {
  Coordinator result;
  const std::string log = deployment.folder() + "/bare.log";
  std::filesystem::remove(deployment.folder() + "/bare.json");
  result.process = OrDie(ChildProcess::Start(
      {{std::filesystem::read_symlink("/proc/self/exe").string(),
        "--bare-server", deployment.folder(), absl::StrCat(num_parameters)},
       {},
       log}));
  result.address = AwaitAddress(deployment.folder() + "/bare.json", log);
  return result;
}

int RunBareServer(const std::string& folder, int64_t num_parameters) {
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  const std::string tls = folder + "/tls";
  options.pem_root_certs = MustRead(tls + "/ca.pem");
  options.pem_key_cert_pairs.push_back(
      {MustRead(tls + "/key.pem"), MustRead(tls + "/certificate.pem")});
  BareFleet fleet(std::string(4 * num_parameters, '\0'));
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options),
                           &port);
  builder.RegisterService(&fleet);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) OrDie(absl::InternalError("bare server: no port"));
  nlohmann::json endpoints = {{"grpc", absl::StrCat("127.0.0.1:", port)}};
  OrDie(WriteFileAtomically(folder + "/bare.json", endpoints.dump()));
  server->Wait();
  return 0;
}

v1::Task MakeTask(const std::string& name, int64_t num_parameters, int cohort,
                  int64_t rounds) {
  SHOAL_CHECK(num_parameters % 10 == 0);
  v1::Task task;
  task.set_name(name);
  task.set_population(name);
  auto* logistic = task.mutable_model()->mutable_logistic();
  logistic->set_inputs(num_parameters / 10 - 1);  // plus the bias
  logistic->set_outputs(10);
  task.mutable_training()->set_learning_rate(0.1);
  auto* round = task.mutable_round();
  round->set_cohort(cohort);
  round->set_over_selection(1);
  round->set_min_reports(cohort);
  task.set_rounds(rounds);
  return task;
}

LoadDevice::LoadDevice(std::shared_ptr<grpc::Channel> channel,
                       int64_t num_parameters)
    : stub_(v1::Fleet::NewStub(std::move(channel))) {
  learning::UpdateReport report;
  report.num_examples = 10;
  report.num_steps = 1;
  update_ = learning::EncodeUpdate(learning::UpdateCodec::kFloat32, report,
                                   std::vector<float>(num_parameters, 1e-3f));
  digest_ = std::string(Sha256(update_).AsBytes());
}

void LoadDevice::Upload(const std::string& token) {
  grpc::ClientContext context;
  v1::UploadReceipt receipt;
  auto stream = stub_->Upload(&context, &receipt);
  v1::UploadRequest request;
  auto* header = request.mutable_header();
  header->set_token(token);
  header->set_digest(digest_);
  header->set_num_bytes(update_.size());
  stream->Write(request);
  const absl::string_view update = update_;
  for (size_t at = 0; at < update.size(); at += protocol::kMaxChunkBytes) {
    const absl::string_view data = update.substr(at, protocol::kMaxChunkBytes);
    auto* chunk = request.mutable_chunk();
    chunk->set_offset(at);
    chunk->set_data(data.data(), data.size());
    chunk->set_crc32(Crc32(data));
    if (!stream->Write(request)) break;
  }
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  OrDie(protocol::StatusFromWire(
      static_cast<absl::StatusCode>(status.error_code()),
      status.error_message(), status.error_details()));
}

int64_t LoadDevice::Fetch(const std::string& digest) {
  grpc::ClientContext context;
  v1::FetchModelRequest request;
  request.set_digest(digest);
  auto stream = stub_->FetchModel(&context, request);
  v1::ModelChunk chunk;
  int64_t size = 0;
  while (stream->Read(&chunk)) size += chunk.data().size();
  const grpc::Status status = stream->Finish();
  if (!status.ok()) OrDie(absl::InternalError(status.error_message()));
  return size;
}

v1::Assignment LoadDevice::AwaitAssignment(const std::string& population) {
  v1::CheckInRequest request;
  request.mutable_protocol()->set_major(protocol::kProtocolVersion.major);
  request.mutable_protocol()->set_minor(protocol::kProtocolVersion.minor);
  request.set_population(population);
  request.set_num_examples(10);
  request.set_sdk_version("benchmark");
  request.add_update_codecs(1);
  while (true) {
    grpc::ClientContext context;
    v1::CheckInResponse response;
    const grpc::Status status = stub_->CheckIn(&context, request, &response);
    OrDie(protocol::StatusFromWire(
        static_cast<absl::StatusCode>(status.error_code()),
        status.error_message(), status.error_details()));
    if (response.has_assignment()) return response.assignment();
    absl::SleepFor(protocol::FromProto(response.retry_after().delay()));
  }
}

}  // namespace shoal::bench
