import { Head } from "@/components/parts";

export default function NotFound() {
  return <Head title="Not found">This does not exist, or you have no access to it.</Head>;
}
