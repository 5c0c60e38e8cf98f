// Switches a page between light and dark.

import { element } from './dom';
import { chooseTheme, themeName } from './theme';

export function themeButton(): HTMLElement {
  const button = element('button', { type: 'button', class: 'theme' });
  const name = () => {
    button.textContent = themeName() === 'dark' ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `${button.textContent} colours`);
  };
  button.onclick = () => {
    chooseTheme(themeName() === 'dark' ? 'light' : 'dark');
    name();
  };
  name();
  return button;
}
