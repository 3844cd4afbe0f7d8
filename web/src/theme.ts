/** Ink on paper; colour belongs to states. */
import {
  Button,
  type CSSVariablesResolver,
  createTheme,
  Drawer,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
  Modal,
  Notification,
  Tooltip,
  type VariantColorsResolver,
} from '@mantine/core';

const ink: MantineColorsTuple = [
  '#f4f6f9',
  '#e6e9ef',
  '#cdd3dd',
  '#aab3c2',
  '#8791a3',
  '#667085',
  '#475065',
  '#333b4d',
  '#232a38',
  '#161b25',
];

const dark: MantineColorsTuple = [
  '#dfe4ec',
  '#b6bfcc',
  '#8f9aab',
  '#6a7587',
  '#3a4352',
  '#2b323f',
  '#1e242e',
  '#161b23',
  '#101419',
  '#0a0d11',
];

/** The one filled colour is ink: white on it by day, dark on it by night. */
const resolveVariant: VariantColorsResolver = (input) => {
  const colors = defaultVariantColorsResolver(input);
  const isInk = !input.color || input.color === 'ink';
  return input.variant === 'filled' && isInk ? { ...colors, color: 'var(--on-ink)' } : colors;
};

export const theme = createTheme({
  primaryColor: 'ink',
  primaryShade: { light: 8, dark: 1 },
  variantColorResolver: resolveVariant,
  colors: { ink, dark },
  fontFamily:
    '"Inter Variable", Inter, "SF Pro Text", "Segoe UI Variable Text", "Segoe UI", system-ui, Roboto, "Noto Sans", sans-serif',
  fontFamilyMonospace:
    '"JetBrains Mono", "SF Mono", "Cascadia Mono", "Fira Mono", ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.25rem' },
  headings: { fontWeight: '600' },
  defaultRadius: 'md',
  radius: { xs: '3px', sm: '5px', md: '8px', lg: '12px', xl: '20px' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  focusRing: 'auto',
  components: {
    Button: Button.extend({
      defaultProps: { size: 'sm' },
      styles: { section: { marginInlineEnd: 7 }, label: { fontWeight: 550 } },
    }),
    Modal: Modal.extend({
      defaultProps: { radius: 'lg', overlayProps: { backgroundOpacity: 0.35, blur: 2 } },
      styles: { title: { fontWeight: 600, fontSize: '1rem' } },
    }),
    Drawer: Drawer.extend({ styles: { title: { fontWeight: 600 } } }),
    Notification: Notification.extend({
      styles: { title: { fontWeight: 600 }, description: { color: 'var(--mantine-color-text)' } },
    }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 300, withArrow: false } }),
  },
});

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--on-ink': '#ffffff',
    '--mantine-color-body': '#ffffff',
    '--mantine-color-text': '#1b212c',
    '--mantine-color-dimmed': '#5b6577',
    '--mantine-color-placeholder': '#6b7485',
    '--mantine-color-default-border': '#d5dae3',
  },
  dark: {
    '--on-ink': '#161b25',
    '--mantine-color-body': '#161b23',
    '--mantine-color-text': '#e4e8ef',
    '--mantine-color-dimmed': '#98a3b5',
    '--mantine-color-placeholder': '#8590a3',
    '--mantine-color-default': '#1e242e',
    '--mantine-color-default-hover': '#262d39',
    '--mantine-color-default-border': '#303947',
  },
});
