// What coordinator/service/dashboard.cc answers.

export interface Round {
  number: number; // version of the model that it is to make
  state: 'open' | 'collecting' | 'sealed' | 'revealed' | 'committed' | 'failed';
  failure: string; // a code
  cohort: number;
  accepted: number;
  deadline?: string; // RFC 3339, as all times
}

export interface Task {
  name: string;
  population: string;
  state: 'active' | 'paused' | 'stopped' | 'completed';
  rounds: number; // that it wants
  rounds_committed: number;
  rounds_failed: number;
  newest_round?: Round;
  note: string; // why it stands still, when it does
  trouble: string; // in sentences, while there is some
  is_private: boolean; // trains with differential privacy
}

export interface Status {
  version: string;
  started: string;
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
  privacy_at?: string; // when `privacy` was true; absent: there is none yet
  privacy: (Privacy | NoPrivacy)[];
}
