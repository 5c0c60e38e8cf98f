// Declares every method of RoundStore: included in the body of a class that
// implements them all.
std::string Describe() const override;

absl::StatusOr<Lease> AcquireLease(const std::string& task,
                                   const std::string& holder, absl::Time now,
                                   absl::Duration duration) override;
absl::Status CreateTask(const TaskRow& task, const ModelRow& model,
                        absl::string_view model_bytes) override;
absl::StatusOr<TaskRow> GetTask(const std::string& name) override;
absl::StatusOr<std::vector<TaskRow>> ListTasks() override;
absl::Status SetTaskState(const std::string& name, TaskState state,
                          const std::string& note, absl::Time now) override;
absl::StatusOr<ModelRow> GetModel(const Digest& digest) override;
absl::StatusOr<std::vector<ModelRow>> ListModels(const std::string& task,
                                                 int limit) override;
absl::StatusOr<std::string> ReadModel(const Digest& digest, int64_t offset,
                                      int64_t size) override;

absl::StatusOr<RoundRow> OpenRound(const Lease& lease,
                                   const NewRound& round) override;
absl::StatusOr<RoundRow> GetRound(int64_t id) override;
absl::StatusOr<std::vector<RoundRow>> ListRounds(const std::string& task,
                                                 int limit,
                                                 int64_t before_id) override;
absl::StatusOr<std::optional<RoundRow>> GetUnfinishedRound(
    const std::string& task) override;
absl::Status RecordAssignment(int64_t round_id, const std::string& device_id,
                              absl::Time now, absl::Time deadline) override;
absl::Status RecordOutcome(int64_t round_id, const std::string& device_id,
                           const std::string& outcome) override;
absl::StatusOr<std::vector<AssignmentRow>> ListAssignments(
    int64_t round_id) override;
absl::StatusOr<std::vector<OpenAssignmentRow>> ListOpenAssignments(
    const std::string& task, int64_t min_number, absl::Time since) override;
absl::StatusOr<RoundSnapshot> ReadRound(int64_t round_id) override;
absl::StatusOr<SegmentResult> CommitSegment(
    const NewSegment& segment,
    absl::Span<const ContributionRow> contributions) override;
absl::Status AppendGroupRows(const NewGroupRows& rows) override;
absl::Status BurnGroup(const NewGroupRows& rows) override;
absl::StatusOr<std::vector<GroupRow>> ReadGroupRows(int64_t round_id) override;
absl::StatusOr<std::optional<ContributionRow>> GetContribution(
    int64_t round_id, const std::string& device_id) override;
absl::StatusOr<std::vector<ContributionRow>> ListContributions(
    int64_t round_id) override;
absl::StatusOr<std::vector<SegmentRow>> ReadSegments(int64_t round_id) override;
absl::StatusOr<RoundRow> SealRound(const Lease& lease, int64_t id,
                                   int min_reports,
                                   const std::optional<NewCharge>& charge,
                                   absl::Time now) override;
absl::Status RevealRound(const Lease& lease, int64_t id,
                         absl::Time now) override;
absl::Status CommitRound(const Lease& lease, const RoundResult& result,
                         absl::string_view model_bytes,
                         absl::Time now) override;
absl::Status FailRound(const Lease& lease, int64_t id,
                       const std::string& failure, absl::Time now) override;
absl::StatusOr<std::string> GetOptimizerState(const std::string& task) override;

absl::StatusOr<std::string> GetPrivacyBudget(
    const std::string& population) override;
absl::StatusOr<std::vector<ChargeRow>> ListCharges(
    const std::string& population) override;
absl::StatusOr<Secret> GetMechanismState(const std::string& task) override;

absl::Status UpsertDevice(const DeviceRow& device) override;
absl::Status TouchDevice(const DeviceSighting& sighting) override;
absl::StatusOr<DeviceRow> GetDevice(const std::string& id) override;
absl::StatusOr<DeviceRow> FindDevice(const std::string& text) override;
absl::StatusOr<std::vector<DeviceRow>> ListDevices(
    int limit, const std::string& after_id) override;
absl::StatusOr<int64_t> CountDevices(absl::Time seen_since) override;
absl::StatusOr<Participation> GetParticipation(
    const std::string& population, const std::string& task,
    const std::string& device_id) override;
absl::Status RecordFault(const FaultRow& fault) override;
absl::StatusOr<std::vector<FaultRow>> ListFaults(const std::string& device_id,
                                                 int64_t round_id,
                                                 int limit) override;
absl::Status ForgetDevice(const std::string& device_id) override;
absl::StatusOr<bool> IsForgotten(const std::string& device_id) override;
absl::Status CreateInvitation(const InvitationRow& row) override;
absl::Status UseInvitation(const Digest& token_hash,
                           const std::string& device_id,
                           absl::Time now) override;
absl::StatusOr<std::vector<TokenKeyRow>> ListTokenKeys() override;
absl::Status AddTokenKey(const TokenKeyRow& row) override;
absl::Status DeleteTokenKeysBefore(int64_t id) override;
