// esbuild bundles style sheets that a page imports.
declare module "*.css";
