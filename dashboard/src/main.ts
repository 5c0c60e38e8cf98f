// The bundle's entry: draws the report whose data the document carries, or the
// dashboard of the coordinator that serves the document.

import { showDashboard } from './live/page';
import { type Report } from './report/data';
import { showReport } from './report/page';
import './style.css';

const data = document.getElementById('shoal-report');
if (data?.textContent) {
  showReport(JSON.parse(data.textContent) as Report, document.body);
}

const dashboard = document.getElementById('shoal-dashboard');
if (dashboard) showDashboard(dashboard);
