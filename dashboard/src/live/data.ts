// What coordinator/service/dashboard.cc answers: reports of admin.proto as
// protocol/json.cc writes them. What is not set is absent; numbers that are
// absent in the reports but always set there are not optional here.

export interface Round {
  id: number;
  number: number; // version of the model that it is to make
  state: 'open' | 'collecting' | 'sealed' | 'revealed' | 'committed' | 'failed';
  cohort: number;
  assigned: number;
  accepted: number;
  opened?: string; // RFC 3339, as all times
  deadline?: string;
  finished?: string;
  explanation: string; // in sentences
}

export interface Task {
  task: { name: string; population: string; rounds: number };
  state: 'active' | 'paused' | 'stopped' | 'completed';
  rounds_committed: number;
  rounds_failed: number;
  newest_round?: Round;
  note: string; // why it stands still, when it does
  trouble: string; // in sentences, while there is some
}

export interface Status {
  version: string;
  started: string;
  store: string;
  devices: number;
  devices_seen_last_hour: number;
  tasks: Task[];
  resident_bytes: number;
  uploads_in_progress: number;
  bytes_received: number;
  bytes_sent: number;
}

// How a task's population stands with its budget.
export interface Privacy {
  task: string;
  population: string;
  budget_epsilon: number;
  delta: number;
  adjacency: string;
  accountant: string;
  noise: string;
  noise_multiplier: number;
  spent_epsilon: number;
  spending: { task: string; event: string; charges: number }[];
  rounds: number; // that the task wants
  rounds_committed: number;
  projected_rounds: number; // at which it ends
  projected_epsilon: number; // by then
  guarantee: string;
}

export interface NoPrivacy {
  task: string;
  error: string; // why nothing can be said of it
}

export interface Dashboard {
  at: string; // the coordinator's time
  status: Status;
  privacy: (Privacy | NoPrivacy)[];
}
