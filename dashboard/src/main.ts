// The bundle's entry: draws the page whose data the document carries.

import { type Report } from './report/data';
import { showReport } from './report/page';
import './style.css';

const data = document.getElementById('shoal-report');
if (data?.textContent) {
  showReport(JSON.parse(data.textContent) as Report, document.body);
}
